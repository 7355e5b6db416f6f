/// What optimizers keep between steps, as data: [dev.kintsugi.sharding.optimizer.OptimizerState] lists an optimizer's slots, a
/// [dev.kintsugi.sharding.optimizer.StateSlot] says which tensor it has for a parameter, and [dev.kintsugi.sharding.optimizer.StateShard] where a rank's
/// part of that lies; [dev.kintsugi.sharding.optimizer.OptimizerSettings] are the optimizers that flags name, [dev.kintsugi.sharding.optimizer.RateShape]
/// the schedules. What is allocated, saved, read back, compared and estimated follows from it.
package dev.kintsugi.sharding.optimizer;
