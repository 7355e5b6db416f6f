package dev.kintsugi.client.spec;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// A flag of Transformers, TRL or Accelerate scripts that is no field here. It is an alias of a field, or changes nothing here, or is
/// refused with the reason: none is silently ignored.
///
/// @param name without the dashes
/// @param harmless values that change nothing here; `*` for any
/// @param text why it changes nothing, for a harmless value; what to do instead, for any other
public record BorrowedFlag(String name, List<String> harmless, String text, String refusal) {

    /// `model_name_or_path` and the like: today's and yesterday's names of the same field.
    public static List<String> aliasesOf(String field) {
        return switch (field) {
            case "use_peft" -> List.of("use_peft_lora");
            case "max_length" -> List.of("max_seq_len", "max_seq_length", "block_size");
            case "model_name" -> List.of("model_name_or_path");
            case "config_name" -> List.of("config");
            case "tokenizer_name" -> List.of("tokenizer_name_or_path");
            case "dataset_name" -> List.of("train_file");
            case "eval_dataset_name" -> List.of("eval_dataset", "validation_file");
            case "eval_strategy" -> List.of("evaluation_strategy");
            case "gradient_checkpointing" -> List.of("use_gradient_checkpointing");
            case "dataset_text_field" -> List.of("text_column");
            case "sharding_strategy" -> List.of("fsdp_sharding_strategy");
            case "world_size" -> List.of("num_processes");
            default -> List.of();
        };
    }

    public static List<BorrowedFlag> all() {
        return List.of(
                nothing("use_flash_attn", "attention is always computed in blocks, with memory linear in the sequence"),
                nothing("attn_implementation", "attention is always computed in blocks, with memory linear in the sequence"),
                nothing("use_reentrant", "recomputation has one implementation here"),
                nothing("log_level", "ranks log what happened once, at one level"),
                nothing("do_train", "train always trains"),
                nothing("do_eval", "--eval_strategy says whether there are evaluations"),
                either("report_to", List.of("none"), "metrics always go to output_dir/metrics.jsonl",
                        "is not available yet; metrics are in output_dir/metrics.jsonl"),
                either("fp16", List.of("false"), "training is fp32 so far", "is not available; training is fp32 so far"),
                either("push_to_hub", List.of("false"), "nothing is uploaded", "is not available; nothing is uploaded"));
    }

    /// @return what to tell the user
    /// @throws UsageException when the flag with this value would change what is trained, and cannot
    public String accept(String value) {
        boolean changesNothing = harmless.contains("*") || harmless.contains(value.toLowerCase(Locale.ROOT));
        if (changesNothing) { return "--%s=%s changes nothing here: %s.".formatted(name, value, text); }
        throw new UsageException("--%s=%s %s.".formatted(name, value, refusal));
    }

    public static Optional<BorrowedFlag> named(String name) {
        return all().stream().filter(flag -> flag.name.equals(name)).findFirst();
    }

    private static BorrowedFlag nothing(String name, String why) {
        return new BorrowedFlag(name, List.of("*"), why, "");
    }

    private static BorrowedFlag never(String name, String refusal) {
        return new BorrowedFlag(name, List.of(), "", refusal);
    }

    private static BorrowedFlag either(String name, List<String> harmless, String why, String refusal) {
        return new BorrowedFlag(name, harmless, why, refusal);
    }
}
