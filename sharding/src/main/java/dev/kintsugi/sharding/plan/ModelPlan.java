package dev.kintsugi.sharding.plan;

import static java.util.Objects.requireNonNull;

import dev.kintsugi.sharding.adapter.AdaptedModel;
import dev.kintsugi.sharding.adapter.LoraConfig;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.UnitSpec;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A model in parts, each cut among the ranks by a plan of its own: what is trained, and under adapters what is frozen.
///
/// A *layer* is what is needed at once: the embedding, one block, the head. Every part has at most one unit of each layer, and the layer is there once the
/// units of all parts are gathered. Optimizer, gradients, checkpoints and digests know the trained part alone; of a frozen one there are only shards, in the
/// dtype of computation, and gathers.
public final class ModelPlan {
    private final ModelSpec model;
    private final Optional<LoraConfig> lora;
    private final List<Part> parts;

    /// One part.
    public static final class Part {
        private final ShardPlan plan;
        private final boolean isTrained;
        private final List<Optional<UnitPlan>> units;
        private final List<Integer> layers;

        private Part(ModelSpec model, ShardPlan plan, boolean isTrained) {
            this.plan = plan;
            this.isTrained = isTrained;
            Map<String, UnitPlan> byName = new HashMap<>();
            plan.units().forEach(u -> byName.put(u.name(), u));
            List<String> names = model.units().stream().map(UnitSpec::name).toList();
            this.units = names.stream().map(n -> Optional.ofNullable(byName.get(n))).toList();
            this.layers = plan.units().stream().map(u -> names.indexOf(u.name())).toList();
        }

        public ShardPlan plan() {
            return plan;
        }

        /// Whether it has gradients and an optimizer's state. Its shards are f32 then.
        public boolean isTrained() {
            return isTrained;
        }

        /// The part's unit of a layer, if it has one.
        public Optional<UnitPlan> unit(int layer) {
            return units.get(layer);
        }

        /// The layer that a unit of this part belongs to.
        public int layer(UnitPlan unit) {
            return layers.get(unit.index());
        }

        /// Of this part's shards.
        ///
        /// @param dtype of computation
        public DType shardDtype(DType dtype) {
            return isTrained ? DType.F32 : dtype;
        }

        /// Bytes of one rank's shards.
        ///
        /// @param dtype of computation
        public long shardBytes(int rank, DType dtype) {
            return plan.shardNumel(rank) * shardDtype(dtype).bytes();
        }
    }

    private ModelPlan(ModelSpec model, Optional<LoraConfig> lora, List<Part> parts) {
        this.model = requireNonNull(model, "model is null");
        this.lora = lora;
        this.parts = List.copyOf(parts);
    }

    /// All of the model is trained.
    public static ModelPlan of(ShardPlan whole) {
        return new ModelPlan(whole.model(), Optional.empty(), List.of(new Part(whole.model(), whole, true)));
    }

    /// Adapters are trained on a model that stays as it is.
    public static ModelPlan of(ModelSpec model, LoraConfig lora, Sharding sharding) {
        AdaptedModel adapted = AdaptedModel.of(model, lora);
        return new ModelPlan(model, Optional.of(lora), List.of(new Part(model, ShardPlanner.plan(adapted.trained(), sharding), true),
                new Part(model, ShardPlanner.plan(adapted.frozen(), sharding), false)));
    }

    /// Of the model without adapters.
    public ModelSpec model() {
        return model;
    }

    public ModelConfig config() {
        return model.config();
    }

    /// Empty where all of the model is trained.
    public Optional<LoraConfig> lora() {
        return lora;
    }

    /// The trained one first.
    public List<Part> parts() {
        return parts;
    }

    public Part trained() {
        return parts.getFirst();
    }

    /// The plan of what is trained.
    public ShardPlan trainedPlan() {
        return trained().plan();
    }

    /// Empty where all of the model is trained.
    public Optional<Part> frozen() {
        return parts.stream().filter(p -> !p.isTrained).findFirst();
    }

    public Sharding sharding() {
        return trainedPlan().sharding();
    }

    /// How many layers there are: embedding, blocks, and a head unless the embedding is it.
    public int layers() {
        return model.units().size();
    }

    /// For people and journals: `embedding`, `model.layers.3`, `head`.
    public String layerName(int layer) {
        return model.units().get(layer).name();
    }

    /// The layer with the final norm and the head's matrix: of a tied model the embedding.
    public int headLayer() {
        return config().tieWordEmbeddings() ? 0 : lastBlock() + 1;
    }

    /// Blocks are layers 1 to this.
    public int lastBlock() {
        return config().numHiddenLayers();
    }

    /// Whether anything of a layer is trained.
    public boolean isTrained(int layer) {
        return trained().unit(layer).isPresent();
    }

    /// The units of a layer, the trained one first.
    public List<UnitPlan> units(int layer) {
        var units = new ArrayList<UnitPlan>();
        for (Part part : parts) { part.unit(layer).ifPresent(units::add); }
        return units;
    }
}
