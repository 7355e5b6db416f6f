/// What two checkpoints, of whatever cuts, differ in: [TensorDiff] compares tensors bit for bit, [FieldDiff] everything else.
package dev.kintsugi.worker.checkpoint.diff;
