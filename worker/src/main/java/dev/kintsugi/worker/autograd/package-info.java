/// A small tape: the few fused operations that models are made of, each knowing its own gradient. Values flow up through
/// [Tape]'s operations as [Variable]s, gradients flow back down in [Tape#backward]; weights come in as [Parameter]s, views of the
/// unit that is gathered at the moment ([UnitParameters]). All memory is the step arena's, a stack. Open [Tape] first.
package dev.kintsugi.worker.autograd;
