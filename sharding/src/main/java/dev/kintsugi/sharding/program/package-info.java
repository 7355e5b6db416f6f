/// The step as a value: [dev.kintsugi.sharding.program.StepProgram] lists what a rank does for a micro-batch,
/// [dev.kintsugi.sharding.program.BufferPlan] says in which buffers. Pure functions of a shard plan.
package dev.kintsugi.sharding.program;
