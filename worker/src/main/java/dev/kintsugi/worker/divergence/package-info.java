/// Which result of a step was the first that is not finite: [dev.kintsugi.worker.divergence.WatchedKernels] look at every one as it is made, and
/// [dev.kintsugi.worker.divergence.Watch] remembers the first. For steps that are repeated because their loss or gradient was not finite.
package dev.kintsugi.worker.divergence;
