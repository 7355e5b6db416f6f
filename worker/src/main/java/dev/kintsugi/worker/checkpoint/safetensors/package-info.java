/// The safetensors format: an 8-byte little-endian header length, a JSON header, the tensors' bytes without gaps.
///
/// [SafetensorsFile] reads rows, as they are or as f32; [SafetensorsHeader] is what it believes of a header, and trusts nothing;
/// [SafetensorsWriter] streams a file out with its SHA-256. See the format's
/// <a href="https://github.com/huggingface/safetensors#format">description</a>.
package dev.kintsugi.worker.checkpoint.safetensors;
