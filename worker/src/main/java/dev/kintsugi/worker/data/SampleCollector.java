package dev.kintsugi.worker.data;

import dev.kintsugi.worker.failure.CallerException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Between tokenizer and file: checks the words, makes samples of them, and counts what was left out. One thread.
final class SampleCollector implements ParallelTokenizer.Words {
    private static final int REPORT_WORDS = 1 << 18;

    private final DatasetConfig config;
    private final SampleRules rules;
    private final Tokenizer tokenizer;
    private final TokenFileWriter writer;
    private final Runnable report;
    private int[] sample = new int[0];
    private long reported;
    private long examples;
    private long cut;
    private long uncounted;

    SampleCollector(DatasetConfig config, SampleRules rules, Tokenizer tokenizer, TokenFileWriter writer, Runnable report) {
        this.config = config;
        this.rules = rules;
        this.tokenizer = tokenizer;
        this.writer = writer;
        this.report = report;
    }

    @Override
    public void accept(int[] words, boolean last) {
        checkIds(words);
        if (rules.packed()) {
            writer.append(words);
        } else {
            extend(words, last);
        }
        if (last) { examples++; }
        if (writer.words() - reported >= REPORT_WORDS) {
            reported = writer.words();
            report.run();
        }
    }

    private void checkIds(int[] words) {
        for (int word : words) {
            if (TokenWord.id(word) >= config.vocabSize()) {
                throw new CallerException(("tokenizer %s gives token %d, but the model's vocab_size=%d; use the model's own tokenizer, or "
                        + "a config.json with vocab_size=%d").formatted(tokenizer.file(), TokenWord.id(word), config.vocabSize(), tokenizer.vocabSize()));
            }
        }
    }

    /// Words beyond `max_length` are not needed, but one says that there are some.
    private void extend(int[] words, boolean last) {
        if (sample.length <= rules.maxLength()) {
            int room = rules.maxLength() + 1 - sample.length;
            int[] longer = Arrays.copyOf(sample, sample.length + Math.min(room, words.length));
            System.arraycopy(words, 0, longer, sample.length, longer.length - sample.length);
            sample = longer;
        }
        if (last) {
            endSample();
            sample = new int[0];
        }
    }

    private void endSample() {
        int length = Math.min(sample.length, rules.maxLength());
        if (sample.length > length) { cut++; }
        boolean counts = false;
        for (int t = 1; t < length; t++) { counts |= TokenWord.counts(sample[t]); }
        if (counts) {
            writer.appendSample(sample, length);
        } else {
            uncounted++;
        }
    }

    /// @throws CallerException if there is nothing to train on
    void check() {
        if (writer.samples() == 0 && rules.packed()) {
            throw new CallerException(("dataset_name=%s%s has %d tokens, fewer than one block of max_length=%d; give more text or a smaller "
                    + "--max_length").formatted(config.datasetName(), split(), writer.words(), rules.maxLength()));
        }
        if (writer.counted() == 0) {
            throw new CallerException(("dataset_name=%s%s has no token that the loss counts (%d examples); give more data, a greater --max_length than %d, "
                    + "or --completion_only_loss False").formatted(config.datasetName(), split(), examples, rules.maxLength()));
        }
    }

    private String split() {
        return config.split().isEmpty() ? "" : ", split '%s',".formatted(config.split());
    }

    /// What people should know of their data.
    ///
    /// @param shifted prompts whose tokens are others where their completion follows
    List<String> notes(long shifted) {
        var notes = new ArrayList<String>();
        if (cut > 0) { notes.add("%d of %d examples were cut to max_length=%d tokens".formatted(cut, examples, rules.maxLength())); }
        if (uncounted > 0) { notes.add("%d of %d examples were left out: no token of theirs counts".formatted(uncounted, examples)); }
        if (shifted > 0) {
            notes.add("%d of %d prompts end in other tokens with their completion behind them; as many tokens as the prompt alone has do not count"
                    .formatted(shifted, examples));
        }
        return notes;
    }
}
