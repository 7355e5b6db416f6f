package dev.kintsugi.worker.generate;

import dev.kintsugi.worker.data.Tokenizer;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.memory.Tensor;
import dev.kintsugi.worker.model.DecoderInference;
import java.util.Arrays;
import java.util.Set;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/// Extends a prompt, one token at a time, until a token that ends a text, `maxNewTokens`, or the end of the model's positions.
///
/// @param maxNewTokens at least 1
record Generation(int maxNewTokens, Sampler sampler) {
    Generation {
        if (maxNewTokens < 1) { throw new CallerException("--max_new_tokens=%d must be at least 1".formatted(maxNewTokens)); }
    }

    /// The prompt's ids, with what the tokenizer puts before every text; for an empty prompt the token that begins or ends a text.
    ///
    /// @throws CallerException if there is nothing to start from, or the prompt leaves no position free
    static int[] promptIds(LoadedModel model, String prompt) {
        Tokenizer tokenizer = model.tokenizer();
        int[] ids = tokenizer.encode(prompt, true);
        if (ids.length == 0) { ids = new int[] {start(model)}; }
        model.checkIds(ids);
        int positions = model.config().maxPositionEmbeddings();
        if (ids.length >= positions) {
            throw new CallerException("--prompt is %d tokens long, but the model has max_position_embeddings=%d; shorten it by %d tokens"
                    .formatted(ids.length, positions, ids.length - positions + 1));
        }
        return ids;
    }

    private static int start(LoadedModel model) {
        Tokenizer tokenizer = model.tokenizer();
        return tokenizer.bosId().orElseGet(() -> tokenizer.eosId().orElseThrow(() -> new CallerException(
                "--prompt is empty and %s names neither bos_token nor eos_token to start from; give a prompt"
                        .formatted(model.directory().resolve("tokenizer_config.json")))));
    }

    /// @param prompt ids from [#promptIds]
    /// @param onToken is told each new token as it comes
    /// @return prompt and new tokens; the last is the one that ended the text, if one did
    int[] generate(LoadedModel model, int[] prompt, IntConsumer onToken) {
        int end = Math.min(model.config().maxPositionEmbeddings(), Math.addExact(prompt.length, maxNewTokens));
        int[] ids = Arrays.copyOf(prompt, end);
        Set<Integer> stop = StopTokens.of(model);
        int length = prompt.length;
        try (DecoderInference inference = model.inference(end)) {
            Tensor logits = inference.append(prompt);
            while (true) {
                int next = sampler.next(logits, length);
                ids[length++] = next;
                onToken.accept(next);
                if (length == end || stop.contains(next)) { return Arrays.copyOf(ids, length); }
                logits = inference.append(next);
            }
        }
    }

    /// Whether the ids ended because the model has no positions left, not because they were enough.
    boolean isCutShort(LoadedModel model, int[] prompt, int[] ids) {
        return ids.length == model.config().maxPositionEmbeddings() && ids.length < prompt.length + maxNewTokens
                && IntStream.of(ids[ids.length - 1]).noneMatch(StopTokens.of(model)::contains);
    }
}
