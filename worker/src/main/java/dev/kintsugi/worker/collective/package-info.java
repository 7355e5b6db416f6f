/// How shards move between the ranks of one generation of a job. Open [CollectiveGroup] first: the calls and what they promise;
/// then [CollectiveGroups], which opens an implementation.
///
/// `ShmGroup` serves ranks of one host from shared-memory segments (`ShmFiles`): gather buffers that all write their rows into
/// (`SharedGather`), gradients that all read (`SharedGradient`), and counters in a control segment (`ShmControl`, `ShmUses`) that `ShmPeers`
/// waits on. `AeronGroup` serves ranks anywhere, by streams to and from each peer (`Outgoing`,
/// `Incoming`) that `AeronPump` drives by the schedules of `sharding.schedule`. `SoloGroup` is a world of one.
/// `ReplicatedGroup` is two of these, for jobs that hold several copies of their model.
/// Every call is entered in the [Journal] by `CallLog`, waits with `Patience`, and sums with `ChainSum`: all give the same bits.
package dev.kintsugi.worker.collective;
