/// Gang scheduling: jobs start in the order they came, each when all of its ranks have a slot. Start with [GangScheduler].
package dev.kintsugi.coordinator.scheduler;
