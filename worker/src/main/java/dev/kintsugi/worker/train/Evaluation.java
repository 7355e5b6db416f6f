package dev.kintsugi.worker.train;

import dev.kintsugi.proto.v1.Evaluated;
import dev.kintsugi.sharding.exact.ExactSum;
import dev.kintsugi.worker.collective.CollectiveGroup;
import dev.kintsugi.worker.data.Batches;
import dev.kintsugi.worker.data.SampleOrder;
import dev.kintsugi.worker.data.TokenBlocks;
import dev.kintsugi.worker.fsdp.EvaluationInterpreter;
import java.nio.ByteBuffer;

/// The loss on data that is not trained on, over all ranks: the mean over the predicted tokens, whatever the micro-batches that they come in.
///
/// Micro-batches are fixed runs of the data; rank r takes r, r + N, r + 2N and so on. Their losses are added exactly, so the result has the same bits for
/// any number of ranks.
final class Evaluation {
    private final TokenBlocks data;
    private final CollectiveGroup group;
    private final EvaluationInterpreter interpreter;
    private final int batch;
    private final SampleOrder order;
    private final long counted;

    /// @param batch samples of a micro-batch
    Evaluation(TokenBlocks data, CollectiveGroup group, EvaluationInterpreter interpreter, int batch) {
        this.data = data;
        this.group = group;
        this.interpreter = interpreter;
        this.batch = batch;
        this.order = new SampleOrder(SampleOrder.Sampling.SEQUENTIAL, 0, data.size());
        this.counted = Batches.totals(data, order, 0, data.size()).counted();
    }

    /// All ranks call it between the same two steps.
    Evaluated run() {
        long startNs = System.nanoTime();
        var mine = new ExactSum();
        long rounds = Math.ceilDiv(Math.ceilDiv(data.size(), batch), group.worldSize());
        for (long round = 0; round < rounds; round++) { mine.add(microbatch(round * group.worldSize() + group.rank())); }
        var all = new ExactSum();
        for (byte[] part : group.exchange("evaluation", mine.toBytes())) { all.add(ExactSum.read(ByteBuffer.wrap(part))); }
        return Evaluated.newBuilder().setLoss(all.toDouble() / Math.max(1, counted)).setTokens(counted)
                .setSeconds((System.nanoTime() - startNs) / 1e9).build();
    }

    private double microbatch(long index) {
        long first = index * batch;
        int samples = (int) Math.clamp(data.size() - first, 0, batch);
        return interpreter.run(samples, (ids, labels, positions) -> Batches.fill(data, order, first, samples, ids, labels, positions));
    }
}
