/// The command line of what runs on a worker's side without a job: [WorkerTools], to which packages add their commands.
package dev.kintsugi.worker.cli;
