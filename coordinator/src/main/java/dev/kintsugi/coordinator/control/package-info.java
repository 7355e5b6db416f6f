/// The owner of everything that changes. gRPC handlers, storage threads and time all hand their news to the [ControlLoop], on which the
/// [Conductor] places jobs, a [JobRun] leads one job through its attempts, and [Membership] brings what agents and ranks say to the
/// attempt it is about. Because one thread runs all of it, there are no locks here. Start with [Conductor].
package dev.kintsugi.coordinator.control;
