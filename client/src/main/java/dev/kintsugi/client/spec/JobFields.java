package dev.kintsugi.client.spec;

import com.google.protobuf.Descriptors.FieldDescriptor;
import dev.kintsugi.proto.v1.JobSpec;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// All fields of a [JobSpec], in the order of job.proto, with what help says about each.
public final class JobFields {
    private static final Map<String, JobField> FIELDS = describe();

    private JobFields() {
    }

    public static List<JobField> all() {
        return List.copyOf(FIELDS.values());
    }

    public static List<String> names() {
        return List.copyOf(FIELDS.keySet());
    }

    /// @return the field of that name, or null
    public static JobField named(String name) {
        return FIELDS.get(name);
    }

    /// The last heading at or before a field's number is its group, as in job.proto.
    private static Map<String, JobField> describe() {
        Map<String, String> texts = texts();
        Map<String, JobField> fields = new LinkedHashMap<>();
        List<FieldDescriptor> descriptors = new ArrayList<>(JobSpec.getDescriptor().getFields());
        descriptors.sort(java.util.Comparator.comparingInt(FieldDescriptor::getNumber));
        for (FieldDescriptor descriptor : descriptors) {
            String name = descriptor.getName();
            fields.put(name, new JobField(descriptor, group(descriptor.getNumber()), texts.getOrDefault(name, "")));
        }
        return fields;
    }

    private static String group(int number) {
        if (number < 10) { return "Job"; }
        if (number < 20) { return "Model: weights and config (--model_name), or from scratch (--config_name, --tokenizer_name)"; }
        if (number < 30) { return "Data"; }
        if (number < 40) { return "Batch: the same total of micro-batches gives the same bits on any number of ranks"; }
        if (number < 50) { return "Length"; }
        if (number < 70) { return "Optimizer: no weight decay on norms and biases"; }
        if (number < 80) { return "Numbers and memory"; }
        if (number < 90) { return "Reports and checkpoints"; }
        if (number < 100) { return "Where it runs"; }
        if (number < 120) { return "Data"; }
        return number < 130 ? "Evaluation during training, which changes no bit of it" : "Adapters: LoRA, with TRL's names";
    }

    private static Map<String, String> texts() {
        Map<String, String> texts = new HashMap<>();
        texts.put("name", "for people; default: the last part of output_dir");
        texts.put("output_dir", "required; checkpoints, metrics and logs go here, on storage that all ranks share");
        texts.put("model_name", "directory in the Hugging Face layout (config.json, safetensors, tokenizer.json)");
        texts.put("config_name", "config.json, or a directory that holds one: start from scratch");
        texts.put("tokenizer_name", "tokenizer.json, or the directory that holds it; default: model_name");
        texts.put("load", "how ranks get model_name's weights: scatter (default: rank 0 reads, each is sent its rows), broadcast, direct (each reads its own)");
        texts.put("dataset_name", "required; a file, a directory or a glob: text files (one document each), .jsonl or .csv");
        texts.put("dataset_text_field", "the text's field in a record; default text. Records of prompt and completion, or of messages, need none");
        texts.put("max_length", "tokens of one sample, at most; default 1024, at most the model's positions");
        texts.put("packing", "join examples to samples of max_length; default True for plain text, else False");
        texts.put("packing_strategy", "bfd (default of --packing True): whole examples, none of which sees another, those longer than max_length cut; "
                + "wrapped (default of plain text): all tokens in order, cut into blocks");
        texts.put("append_concat_token", "end-of-text token after each text and completion; default True");
        texts.put("add_special_tokens", "the tokenizer's own special tokens around each text; default True for prompt and completion, else False");
        texts.put("completion_only_loss", "the loss counts completions only; default True where there are prompts");
        texts.put("assistant_only_loss", "the loss counts only what the chat template marks as generated; default False");
        texts.put("chat_template_format", "none, openassistant, chatml, zephyr or llama2; default: the tokenizer's own chat template");
        texts.put("chat_template_path", "a Jinja file, instead of the tokenizer's own chat template");
        texts.put("splits", "the split to train on, and after a comma the one to evaluate on: files whose name begins with it, or in a directory of that "
                + "name; default: all files");
        texts.put("label_smoothing_factor", "share of each target that is spread evenly over the vocabulary, in training and evaluation; default 0");
        texts.put("eval_dataset_name", "a file, a directory or a glob to evaluate on; default: the second split of dataset_name");
        texts.put("eval_strategy", "no (default), steps (default with eval_steps): every eval_steps and at the end, or epoch");
        texts.put("eval_steps", "steps between evaluations; default: logging_steps");
        texts.put("per_device_eval_batch_size", "samples that a rank evaluates at once; default: per_device_train_batch_size");
        texts.put("load_best_model_at_end", "save after every evaluation that is the best so far, keep that checkpoint, and export it; default False");
        texts.put("metric_for_best_model", "eval_loss, the only one");
        texts.put("greater_is_better", "which way that metric goes; default False");
        texts.put("early_stopping_patience", "stop after this many evaluations in a row without a better one; default: never");
        texts.put("early_stopping_threshold", "how much better an evaluation must be to count, for early stopping; default 0");
        texts.put("train_sampling_strategy", "random (default): each epoch its own shuffle; sequential: the data's order");
        texts.put("per_device_train_batch_size", "samples of one micro-batch; default 1");
        texts.put("gradient_accumulation_steps", "micro-batches of one rank in one step; default 1");
        texts.put("microbatches_per_step", "the total of micro-batches in one step instead; a multiple of the ranks");
        texts.put("max_steps", "optimizer steps; default: from num_train_epochs");
        texts.put("num_train_epochs", "passes over the data when max_steps is not given; default 1");
        texts.put("learning_rate", "peak; default 5e-5");
        texts.put("lr_scheduler_type", "linear (default), cosine, cosine_with_restarts, polynomial, constant, constant_with_warmup, inverse_sqrt, "
                + "cosine_with_min_lr, cosine_warmup_with_min_lr or warmup_stable_decay");
        texts.put("lr_scheduler_kwargs", "name=value,... or a JSON object: num_cycles, min_lr, min_lr_rate, power, lr_end, timescale, num_decay_steps ...");
        texts.put("warmup_ratio", "share of max_steps; default 0");
        texts.put("warmup_steps", "number of steps, or a ratio when in (0, 1); wins over warmup_ratio");
        texts.put("weight_decay", "default 0");
        texts.put("adam_beta1", "default 0.9");
        texts.put("adam_beta2", "default 0.999");
        texts.put("adam_epsilon", "default 1e-8");
        texts.put("on_divergence", "a bad step is never applied: stop (default) and say where it began, skip it, or rollback to the newest "
                + "checkpoint and a lower rate");
        texts.put("divergence_budget", "of skip: steps in a row that may be left out; of rollback: times to the same checkpoint; default 3");
        texts.put("divergence_rate_factor", "of --on_divergence rollback: what the rate is multiplied with; default 0.5");
        texts.put("loss_spike_threshold", "deviations above the median of the last 32 losses from which on a step is bad, too; default 0: none is");
        texts.put("max_grad_norm", "global norm to clip at; default 1.0, 0 turns clipping off");
        texts.put("optim", "adamw_torch (default, alias adamw_torch_fused), adamw_8bit (aliases adamw_bnb_8bit, paged_adamw_8bit), sgd, rmsprop or adafactor");
        texts.put("optim_args", "name=value,...: momentum, dampening, nesterov of sgd; alpha, eps, momentum, centered of rmsprop");
        texts.put("seed", "default 42");
        texts.put("gradient_checkpointing", "recompute blocks in backward: less memory, the same bits; default False");
        texts.put("activation_checkpointing", "what blocks make again in backward to save memory: none, selective (norms), full (all but their output); "
                + "the same bits; default selective");
        texts.put("bf16", "compute in bfloat16, weights and optimizer stay f32: faster, half the activations; default False");
        texts.put("logging_steps", "steps between lines of the log; metrics.jsonl has every step; default 10");
        texts.put("save_strategy", "steps (default): every save_steps and at the end; no: never");
        texts.put("save_steps", "steps between checkpoints; default 500, 0: only at the end");
        texts.put("save_total_limit", "how many of the newest checkpoints to keep; default: all");
        texts.put("peak_tflops", "what one rank's hardware can do at most, in TFLOP/s, for MFU; default: measured with matrix products");
        texts.put("resume_from_checkpoint", "True or latest: the newest in checkpoint_dir; or a checkpoint directory, s3:// too");
        texts.put("checkpoint_dir", "a directory that all ranks share, or s3://bucket/prefix; default: output_dir/checkpoints");
        texts.put("ignore_disk_check", "go on where the disk seems too small for the planned checkpoints; default False");
        texts.put("use_peft", "train LoRA adapters on a frozen model; default False: train the whole model");
        texts.put("lora_r", "rank of an adapter; default 16");
        texts.put("lora_alpha", "an adapter's part is multiplied by lora_alpha / lora_r; default 32");
        texts.put("lora_dropout", "share of an adapter's input that is zeroed in training; default 0.05");
        texts.put("lora_target_modules", "all-linear, layers' names with commas between them, or a regular expression; default q_proj,v_proj (GPT-NeoX: "
                + "query_key_value)");
        texts.put("lora_modules_to_save", "modules trained as a whole beside the adapters, such as lm_head, with commas between them");
        texts.put("use_rslora", "multiply by lora_alpha / sqrt(lora_r) instead; default False");
        texts.put("adapter_name", "directory with adapters that PEFT or Kintsugi has saved: begin with them");
        texts.put("world_size", "ranks; default 1");
        texts.put("transport", "default: shm when all ranks are on one host, else aeron");
        texts.put("sharding_strategy", "what ranks share out, at which price in traffic; the same bits; Accelerate's numbers 1 to 4 too; default FULL_SHARD");
        texts.put("hybrid_shard_size", "HYBRID_SHARD: ranks that hold one copy of the model together; default: those of one host");
        texts.put("threads", "compute threads of one rank; default 1. Another number rounds bf16 products otherwise, now and then");
        texts.put("max_restarts", "failed attempts in a row without a new checkpoint; default 3");
        texts.put("ddp_timeout", "seconds a collective may stand still; default 1800");
        return texts;
    }
}
