/// Who sends which rows to whom, in which order: pure functions of rank, world size and unit.
///
/// [DirectSchedule] says what travels between whom, [ReduceTurns] in which order a rank adds what it receives, [UnitRows]
/// where the elements lie.
package dev.kintsugi.sharding.schedule;
