package dev.kintsugi.worker.data;

import static java.util.Objects.requireNonNull;

import dev.kintsugi.worker.failure.CallerException;
import java.util.Optional;

/// How examples become samples, as a job says it. What is empty follows from the form of the examples.
///
/// @param textField of plain text, in a record
/// @param maxLength tokens of a sample
/// @param appendConcatToken an end-of-text token after each text and completion
/// @param addSpecialTokens the tokenizer's own special tokens around each text; default: for prompt and completion
/// @param packing whether samples are joined; default: for plain text
/// @param packingStrategy how: `bfd`, or else wrapped
/// @param completionOnlyLoss whether prompts are only read; default: where there are prompts
/// @param assistantOnlyLoss whether only what the chat template marks as generated counts
/// @param chatTemplateFormat a built-in chat template; empty: the tokenizer's own
/// @param chatTemplatePath a file with a chat template, instead of the tokenizer's own; empty: none
public record SampleSettings(String textField, int maxLength, boolean appendConcatToken, Optional<Boolean> addSpecialTokens,
        Optional<Boolean> packing, String packingStrategy, Optional<Boolean> completionOnlyLoss, boolean assistantOnlyLoss, String chatTemplateFormat,
        String chatTemplatePath) {
    public SampleSettings {
        requireNonNull(textField, "textField is null");
        requireNonNull(packingStrategy, "packingStrategy is null");
        if (maxLength < 2) {
            throw new CallerException("--max_length=%d is too short; a sample needs at least 2 tokens to predict one"
                    .formatted(maxLength));
        }
    }

    /// Blocks of plain text.
    static SampleSettings plain(String textField, int maxLength, boolean appendConcatToken, boolean addSpecialTokens) {
        return new SampleSettings(textField, maxLength, appendConcatToken, Optional.of(addSpecialTokens), Optional.empty(), "", Optional.empty(),
                false, "", "");
    }
}
