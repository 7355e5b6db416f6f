/// The oracle: every kernel as a plain loop in fp64, on F32 or F64 tensors. Nothing here is fast, and everything reads like its
/// formula. Tensors come in as arrays of doubles and go back rounded to their own type; open [ReferenceKernels] first.
package dev.kintsugi.worker.kernel.reference;
