/// Who sends which rows to whom, in which order: pure functions of rank, world size and unit. Open [UnitRows] first.
package dev.kintsugi.sharding.schedule;
