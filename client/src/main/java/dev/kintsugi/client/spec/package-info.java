/// From words to a [dev.kintsugi.proto.v1.JobSpec]: flags and job files go through the same table of fields, which is read off the
/// message's own descriptor, so that a new field of job.proto is a flag and a key at once. Open [JobFields] first.
package dev.kintsugi.client.spec;
