package dev.kintsugi.worker.generate;

import java.util.Locale;
import java.util.function.IntConsumer;
import tools.jackson.databind.node.ObjectNode;

/// How long a generation takes: the prompt, up to its first new token, and every token after that. Told each new token as it comes.
final class Speed implements IntConsumer {
    private final int promptTokens;
    private final long startNs = System.nanoTime();
    private long firstNs;
    private long lastNs;
    private int newTokens;

    /// Starts the clock.
    Speed(int promptTokens) {
        this.promptTokens = promptTokens;
    }

    @Override
    public void accept(int id) {
        lastNs = System.nanoTime();
        if (newTokens++ == 0) { firstNs = lastNs; }
    }

    private double promptSeconds() {
        return (firstNs - startNs) / 1e9;
    }

    private double decodeSeconds() {
        return (lastNs - firstNs) / 1e9;
    }

    String summary() {
        String prompt = String.format(Locale.ROOT, "prompt: %d tokens in %.3f s", promptTokens, promptSeconds());
        if (newTokens < 2) { return prompt; }
        return String.format(Locale.ROOT, "%s; then %d tokens in %.3f s, %.1f tokens/s", prompt, newTokens - 1, decodeSeconds(),
                (newTokens - 1) / decodeSeconds());
    }

    void addTo(ObjectNode node) {
        node.put("prompt_tokens", promptTokens).put("prompt_seconds", promptSeconds()).put("new_tokens", newTokens).put("decode_seconds", decodeSeconds());
    }
}
