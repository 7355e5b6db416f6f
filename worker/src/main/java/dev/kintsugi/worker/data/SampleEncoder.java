package dev.kintsugi.worker.data;

import dev.kintsugi.worker.data.chat.ChatTemplate;
import dev.kintsugi.worker.data.jinja.Template;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;

/// Turns examples into [TokenWord]s. Safe from several threads.
final class SampleEncoder {
    private final Tokenizer tokenizer;
    private final SampleRules rules;
    private final int[] before;
    private final int[] after;
    private final int[] end;
    private final String endText;
    private final AtomicLong shifted = new AtomicLong();

    SampleEncoder(Tokenizer tokenizer, SampleRules rules) {
        this.tokenizer = tokenizer;
        this.rules = rules;
        this.before = rules.special() ? tokenizer.prefix() : new int[0];
        this.after = rules.special() ? tokenizer.suffix() : new int[0];
        this.end = rules.append() ? new int[] {tokenizer.eosId().getAsInt()} : new int[0];
        this.endText = rules.append() ? tokenizer.decode(end) : "";
    }

    /// A part of a plain text.
    int[] part(String text, boolean first, boolean last) {
        int[] ids = tokenizer.encode(text, false);
        return join(first ? before : new int[0], ids, last ? after : new int[0], last ? end : new int[0]);
    }

    /// @param place `file:line`, for messages
    int[] example(Example example, String place) {
        return switch (example) {
            case Example.Text(String text) -> part(text, true, true);
            case Example.Completion completion -> completion(completion);
            case Example.Chat chat -> chat(chat, place);
        };
    }

    /// Prompts whose tokens are others where their completion follows.
    long shifted() {
        return shifted.get();
    }

    /// The end-of-text token is not written twice, and comes before what the tokenizer itself puts behind.
    private int[] completion(Example.Completion example) {
        int[] prompt = join(before, tokenizer.encode(example.prompt(), false));
        boolean ends = !endText.isEmpty() && example.completion().endsWith(endText);
        int[] words = join(before, tokenizer.encode(example.prompt() + example.completion(), false), ends ? new int[0] : end, after);
        if (rules.completionOnly()) { readOnly(words, prompt); }
        return words;
    }

    private int[] chat(Example.Chat chat, String place) {
        ChatTemplate template = rules.template();
        Template.Rendered rendered = template.render(chat.messages(), chat.messages().size(), chat.tools(), false, place);
        Tokenizer.Spans spans = tokenizer.encodeWithSpans(rendered.text());
        int[] words = spans.ids().clone();
        if (rules.assistantOnly()) { keepGenerated(words, spans, rendered); }
        if (rules.completionOnly()) {
            readOnly(words, tokenizer.encode(template.render(chat.messages(), chat.prompt(), chat.tools(), true, place).text(), false));
        }
        return words;
    }

    /// As many tokens as the prompt alone has.
    private void readOnly(int[] words, int[] prompt) {
        int n = Math.min(prompt.length, words.length);
        boolean same = n == prompt.length && IntStream.range(0, n).allMatch(i -> TokenWord.id(words[i]) == prompt[i]);
        if (!same) { shifted.incrementAndGet(); }
        for (int i = 0; i < n; i++) { words[i] |= TokenWord.READ_ONLY; }
    }

    private static void keepGenerated(int[] words, Tokenizer.Spans spans, Template.Rendered rendered) {
        boolean[] generated = new boolean[words.length];
        for (Template.Span span : rendered.generated()) {
            int first = span.isEmpty() ? -1 : spans.tokenAt(span.start());
            if (first < 0) { continue; }
            int last = spans.tokenAt(span.end() - 1);
            Arrays.fill(generated, first, last < 0 ? words.length : last + 1, true);
        }
        for (int i = 0; i < words.length; i++) {
            if (!generated[i]) { words[i] |= TokenWord.READ_ONLY; }
        }
    }

    private static int[] join(int[]... parts) {
        int[] joined = new int[Arrays.stream(parts).mapToInt(p -> p.length).sum()];
        int at = 0;
        for (int[] part : parts) {
            System.arraycopy(part, 0, joined, at, part.length);
            at += part.length;
        }
        return joined;
    }
}
