/// The shard plan: computed once an attempt from the job's config.json, sent to every rank, recorded in every checkpoint.
/// Start with [PlannedModel].
package dev.kintsugi.coordinator.plan;
