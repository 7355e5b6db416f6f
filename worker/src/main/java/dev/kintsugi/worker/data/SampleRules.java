package dev.kintsugi.worker.data;

import dev.kintsugi.worker.data.Example.Form;
import dev.kintsugi.worker.data.chat.ChatTemplate;
import dev.kintsugi.worker.failure.CallerException;

/// How the examples of one form become samples: [SampleSettings] with nothing left open.
///
/// @param packing into samples of at most `maxLength`
/// @param append an end-of-text token after each text and completion
/// @param special the tokenizer's own special tokens around each text
/// @param completionOnly prompts are only read
/// @param assistantOnly only what the template marks as generated counts
/// @param template null unless the examples are conversations
record SampleRules(Form form, int maxLength, Packing packing, boolean append, boolean special, boolean completionOnly, boolean assistantOnly,
        ChatTemplate template) {

    /// @throws CallerException if the settings do not suit the form
    static SampleRules of(SampleSettings settings, Form form, Tokenizer tokenizer) {
        boolean completionOnly = settings.completionOnlyLoss().orElse(form.hasCompletion());
        boolean special = settings.addSpecialTokens().orElse(form == Form.COMPLETION);
        require(!completionOnly || form.hasCompletion(), "--completion_only_loss True needs records of prompt and completion, and these are %s", form);
        require(!settings.assistantOnlyLoss() || form.isChat(), "--assistant_only_loss True needs records of messages, and these are %s", form);
        require(!special || !form.isChat(), "--add_special_tokens True is for texts, and these are %s: the chat template writes their special tokens", form);
        ChatTemplate template = form.isChat() ? ChatTemplates.find(settings, tokenizer) : null;
        require(!settings.assistantOnlyLoss() || template.marksGenerated(),
                "--assistant_only_loss True needs a chat template that marks what is generated, with {%% generation %%} (these are %s); "
                        + "name a built-in one with --chat_template_format, or a file with --chat_template_path", form);
        require(form.isChat() || settings.chatTemplatePath().isEmpty(), "--chat_template_path is for records of messages, and these are %s", form);
        boolean append = settings.appendConcatToken() && !form.isChat();
        if (append && tokenizer.eosId().isEmpty()) {
            throw new CallerException(("tokenizer %s: no eos_token in the tokenizer_config.json beside it; name one, or turn it off with "
                    + "--append_concat_token False").formatted(tokenizer.file()));
        }
        return new SampleRules(form, settings.maxLength(), packing(settings, form), append, special, completionOnly,
                settings.assistantOnlyLoss(), template);
    }

    private static Packing packing(SampleSettings settings, Form form) {
        if (!settings.packing().orElse(form == Form.TEXT)) { return Packing.NONE; }
        return settings.packingStrategy().equals("bfd") ? Packing.BEST_FIT : Packing.WRAPPED;
    }

    private static void require(boolean holds, String message, Form form) {
        if (!holds) { throw new CallerException(message.formatted(form.label())); }
    }

    /// All that the samples depend on but the texts and the tokenizer.
    String digested() {
        return "form=%s maxLength=%d packing=%s append=%s special=%s completionOnly=%s assistantOnly=%s template=%s".formatted(form, maxLength,
                packing, append, special, completionOnly, assistantOnly, template == null ? "" : template.source());
    }
}
