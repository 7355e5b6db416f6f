/// What outlives the coordinator's process: jobs, in a SQLite file whose schema the `V*.sql` migrations beside this package make.
/// Start with [JobStore].
package dev.kintsugi.coordinator.store;
