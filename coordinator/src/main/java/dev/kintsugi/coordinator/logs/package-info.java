/// What ranks wrote, read from the shared output directory. Start with [JobLogs].
package dev.kintsugi.coordinator.logs;
