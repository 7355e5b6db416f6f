/// Jobs: what may be submitted and what becomes of it.
///
/// A spec comes in through [JobAdmission], which checks it, fills it and reads what it names; from then on it is a
/// [TrackedJob], whose states follow [JobStates] and whose changes flow to [JobWatch]es. Start with [JobAdmission].
package dev.kintsugi.coordinator.job;
