package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.sharding.optimizer.StateSlot;
import dev.kintsugi.sharding.optimizer.StateTensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What a checkpoint has of a parameter: the weight, or a slot of the optimizer's.
public sealed interface TensorKind {
    /// The parameter itself, f32.
    record Weight() implements TensorKind {
        @Override
        public String label() {
            return "weight";
        }

        @Override
        public Optional<StateTensor> tensor(SavedParameter p) {
            return Optional.of(new StateTensor(DType.F32, p.shape(), true));
        }

        @Override
        public String tensorName(SavedParameter p) {
            return p.name();
        }
    }

    record Slot(StateSlot slot) implements TensorKind {
        @Override
        public String label() {
            return slot.name();
        }

        @Override
        public Optional<StateTensor> tensor(SavedParameter p) {
            return slot.tensor(p.name(), p.shape());
        }

        @Override
        public String tensorName(SavedParameter p) {
            return slot.tensorName(p.name());
        }
    }

    /// All kinds that a checkpoint has, the weight first.
    static List<TensorKind> of(Manifest m) {
        var kinds = new ArrayList<TensorKind>(List.of(new Weight()));
        m.optimizer().slots().forEach(s -> kinds.add(new Slot(s)));
        return kinds;
    }

    /// For people.
    String label();

    /// The whole of it, if there is any.
    Optional<StateTensor> tensor(SavedParameter p);

    /// In the files.
    String tensorName(SavedParameter p);
}
