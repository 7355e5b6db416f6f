/// The node agent: one process a host that starts ranks when the coordinator says so and owns what belongs to the host: the
/// directories for shared memory, Aeron's media driver, the ranks' log files, and the ranks themselves.
///
/// Open `Agent` first. Commands come from the coordinator through `CoordinatorLink`, are carried out by `Attempts`
/// on one thread, and what happens goes back as events. Nothing outlives the agent: ranks read end-of-file from their standard
/// input ([ParentWatch]) and leave, and the next agent sweeps what a killed one left (`HostDirectory`).
package dev.kintsugi.worker.agent;
