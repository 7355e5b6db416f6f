/// The gRPC services of `proto/`. Thin: they check nothing and decide nothing, but hand requests to the control loop and turn its
/// answers and errors into gRPC's. Start with [JobApi].
package dev.kintsugi.coordinator.api;
