/// What a trained model says: its loss on a text, and text that it writes.
///
/// [LoadedModel] is a Hugging Face directory in memory, as `kintsugi checkpoint export` writes it; [Evaluation] is its mean loss,
/// [Generation] extends a prompt token by token, each chosen by a [Sampler]. [EvalCommand] and [GenerateCommand] are the command
/// line. Open [Generation] first.
package dev.kintsugi.worker.generate;
