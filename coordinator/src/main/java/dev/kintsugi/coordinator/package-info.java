/// The coordinator: one process that queues jobs, starts gangs of ranks on agents, commits checkpoints and tells people about it. It
/// never touches tensors.
///
/// gRPC comes in through `api`, is handed to the one thread that owns all state (`control`), which runs jobs (`job`) as attempts
/// (`attempt`) on the agents that are here (`membership`), placed by `scheduler`; `plan` computes shard plans, `checkpoint` commits,
/// `store` remembers. Open [Coordinator] first: it puts these together.
package dev.kintsugi.coordinator;
