package dev.kintsugi.sharding.optimizer;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.sharding.architecture.DType;
import java.util.ArrayList;
import java.util.List;

/// An optimizer and its numbers, under the names that Transformers' `--optim` and `--optim_args` give them.
public sealed interface OptimizerSettings {
    /// What `--optim` may be.
    List<String> NAMES = List.of("adamw_torch", "adamw_torch_fused", "adamw_bnb_8bit", "adamw_8bit", "paged_adamw_8bit", "sgd", "rmsprop", "adafactor");

    /// Loshchilov and Hutter 2019, as `torch.optim.AdamW`.
    record AdamW(double beta1, double beta2, double epsilon, double weightDecay) implements OptimizerSettings {
        @Override
        public OptimizerState state() {
            return OptimizerState.ADAMW;
        }
    }

    /// The same with moments of 8 bits, each block of 256 in the unit of its largest (Dettmers et al. 2022).
    record AdamW8Bit(double beta1, double beta2, double epsilon, double weightDecay) implements OptimizerSettings {
        @Override
        public OptimizerState state() {
            // Slots of four bytes first, so that all are aligned in the file.
            return new OptimizerState("adamw_8bit", List.of(new StateSlot("absmax1", DType.F32, StateExtent.ROW_BLOCK, StateOf.LARGE),
                    new StateSlot("absmax2", DType.F32, StateExtent.ROW_BLOCK, StateOf.LARGE),
                    new StateSlot("state1", DType.F32, StateExtent.ELEMENT, StateOf.SMALL),
                    new StateSlot("state2", DType.F32, StateExtent.ELEMENT, StateOf.SMALL),
                    new StateSlot("state1", DType.U8, StateExtent.ELEMENT, StateOf.LARGE),
                    new StateSlot("state2", DType.U8, StateExtent.ELEMENT, StateOf.LARGE)));
        }
    }

    /// As `torch.optim.SGD`; decay is added to the gradient.
    record Sgd(double momentum, double dampening, boolean nesterov, double weightDecay) implements OptimizerSettings {
        public Sgd {
            if (nesterov && (momentum == 0 || dampening != 0)) {
                throw new IllegalArgumentException("--optim_args nesterov=True needs a momentum above 0 and no dampening");
            }
        }

        @Override
        public OptimizerState state() {
            return new OptimizerState("sgd", momentum == 0 ? List.of() : List.of(element("momentum_buffer")));
        }
    }

    /// As `torch.optim.RMSprop`; decay is added to the gradient.
    record RmsProp(double alpha, double epsilon, double momentum, boolean centered, double weightDecay) implements OptimizerSettings {
        @Override
        public OptimizerState state() {
            var slots = new ArrayList<>(List.of(element("square_avg")));
            if (momentum > 0) { slots.add(element("momentum_buffer")); }
            if (centered) { slots.add(element("grad_avg")); }
            return new OptimizerState("rmsprop", slots);
        }
    }

    /// Shazeer and Stern 2018, as Transformers' `Adafactor` with the rate of the schedule (`scale_parameter` and `relative_step` off).
    record Adafactor(double weightDecay) implements OptimizerSettings {
        @Override
        public OptimizerState state() {
            return new OptimizerState("adafactor", List.of(new StateSlot("exp_avg_sq_row", DType.F32, StateExtent.ROW, StateOf.MATRICES),
                    new StateSlot("exp_avg_sq_col", DType.F32, StateExtent.COLUMN, StateOf.MATRICES),
                    new StateSlot("exp_avg_sq", DType.F32, StateExtent.ELEMENT, StateOf.VECTORS)));
        }
    }

    /// What it keeps.
    OptimizerState state();

    private static StateSlot element(String name) {
        return new StateSlot(name, DType.F32, StateExtent.ELEMENT, StateOf.ALL);
    }

    /// @param spec may lack what has a default
    /// @throws IllegalArgumentException one sentence: which flag is wrong, and what it may be
    static OptimizerSettings of(JobSpec spec) {
        String name = spec.hasOptim() ? spec.getOptim() : NAMES.getFirst();
        var args = KeywordArgs.parse("--optim_args", "--optim " + name, spec.getOptimArgs());
        double decay = spec.getWeightDecay();
        OptimizerSettings settings = switch (name) {
            case "adamw_torch", "adamw_torch_fused" -> new AdamW(spec.getAdamBeta1(), spec.getAdamBeta2(), spec.getAdamEpsilon(), decay);
            case "adamw_bnb_8bit", "adamw_8bit", "paged_adamw_8bit" ->
                new AdamW8Bit(spec.getAdamBeta1(), spec.getAdamBeta2(), spec.getAdamEpsilon(), decay);
            case "sgd" -> new Sgd(args.number("momentum", 0), args.number("dampening", 0), args.flag("nesterov"), decay);
            case "rmsprop" -> new RmsProp(args.number("alpha", 0.99), args.number("eps", 1e-8), args.number("momentum", 0), args.flag("centered"), decay);
            case "adafactor" -> new Adafactor(decay);
            default -> throw new IllegalArgumentException("--optim=%s is unknown; use one of %s".formatted(name, String.join(", ", NAMES)));
        };
        args.requireAllUsed();
        return settings;
    }
}
