package dev.kintsugi.worker.checkpoint.diff;

/// A value that two checkpoints do not share.
///
/// @param part `position`, `job`, `model`, or `tensors`
/// @param a empty where A has none
/// @param b empty where B has none
public record FieldDifference(String part, String field, String a, String b) {}
