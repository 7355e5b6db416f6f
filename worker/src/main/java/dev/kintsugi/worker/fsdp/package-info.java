/// The step program's interpreter. [dev.kintsugi.worker.fsdp.RankTensors] are a rank's shards,
/// [dev.kintsugi.worker.fsdp.UnshardedUnits] the slots units are gathered into; open
/// [dev.kintsugi.worker.fsdp.RoundInterpreter] first: it is where collectives and computation meet.
package dev.kintsugi.worker.fsdp;
