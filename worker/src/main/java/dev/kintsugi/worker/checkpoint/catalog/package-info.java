/// What lies in a directory of checkpoints, good and bad: [Catalog] looks at names and manifests, and reads no tensors.
package dev.kintsugi.worker.checkpoint.catalog;
