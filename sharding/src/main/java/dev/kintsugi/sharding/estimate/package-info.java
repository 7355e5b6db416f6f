/// What a run will need before it runs, as formulas of shapes: [dev.kintsugi.sharding.estimate.ActivationEstimate] gives the step
/// arena's bytes, and tests hold the arena to them.
package dev.kintsugi.sharding.estimate;
