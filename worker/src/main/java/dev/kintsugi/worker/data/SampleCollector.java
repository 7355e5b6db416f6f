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
    private final BestFitPacking bins;
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
        this.bins = new BestFitPacking(rules.maxLength(), this::join);
    }

    @Override
    public void accept(int[] words, boolean last) {
        checkIds(words);
        if (rules.packing() == Packing.WRAPPED) {
            writer.append(words);
            if (last) { examples++; }
        } else {
            extend(words, last);
        }
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
            examples++;
            endSample();
            sample = new int[0];
        }
    }

    private void endSample() {
        int length = Math.min(sample.length, rules.maxLength());
        if (sample.length > length) { cut++; }
        if (rules.packing() == Packing.BEST_FIT) {
            if (length > 0) { bins.add(Arrays.copyOf(sample, length)); }
            bins.endExample(examples);
            return;
        }
        boolean counts = false;
        for (int t = 1; t < length; t++) { counts |= TokenWord.counts(sample[t]); }
        if (counts) {
            writer.appendSample(sample, length);
        } else {
            uncounted++;
        }
    }

    /// One sample.
    private void join(List<int[]> bin) {
        int[] words = new int[bin.stream().mapToInt(w -> w.length).sum()];
        int at = 0;
        for (int[] example : bin) {
            System.arraycopy(example, 0, words, at, example.length);
            words[at] |= TokenWord.FIRST;
            at += example.length;
        }
        writer.appendSample(words, words.length);
    }

    /// No example follows.
    void finish() {
        bins.flush();
    }

    /// @throws CallerException if there is nothing to train on
    void check() {
        if (writer.samples() == 0 && rules.packing() == Packing.WRAPPED) {
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
        if (rules.packing() == Packing.BEST_FIT) {
            notes.add("%d examples were packed into %d samples, %.1f %% of whose max_length=%d tokens are used".formatted(examples, writer.samples(),
                    100.0 * writer.words() / Math.max(1, writer.samples() * rules.maxLength()), rules.maxLength()));
        }
        if (uncounted > 0) { notes.add("%d of %d examples were left out: no token of theirs counts".formatted(uncounted, examples)); }
        if (shifted > 0) {
            notes.add("%d of %d prompts end in other tokens with their completion behind them; as many tokens as the prompt alone has do not count"
                    .formatted(shifted, examples));
        }
        return notes;
    }
}
