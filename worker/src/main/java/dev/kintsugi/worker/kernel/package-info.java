/// The device boundary: [Kernels] is what a model computes with, and each device implements it.
///
/// Tensors flow in and out as borrowed memory with explicit shapes; nothing here owns tensors or keeps them after a call.
/// [KernelFactory] opens a device by name: `cpu` is fast, `reference` is the scalar fp64 oracle of the others, `meta` checks
/// shapes and touches no memory. [MatmulProbe] measures how fast a device is at best. Open [Kernels] first.
package dev.kintsugi.worker.kernel;
