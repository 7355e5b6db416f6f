package dev.kintsugi.worker.divergence;

import dev.kintsugi.worker.autograd.UnitParameters;
import dev.kintsugi.worker.memory.Tensor;

/// Remembers the first result that is not finite, and where it was made. One thread.
public final class Watch {
    private int microbatch;
    private String place = "";
    private UnitParameters parameters;
    private Finding found;

    /// @param microbatch of the step, whose results follow
    public void begin(int microbatch) {
        this.microbatch = microbatch;
    }

    /// Results from here on belong to `place`, such as `forward of model.layers.3`.
    public void enter(String place, UnitParameters parameters) {
        this.place = place;
        this.parameters = parameters;
    }

    /// @param weight that the operation used, or null
    void written(String operation, Tensor weight, Tensor result) {
        if (found != null || result == null) { return; }
        Finiteness values = Finiteness.of(result);
        if (!values.isFinite()) { report(operation, weight, values.describe()); }
    }

    void summed(String operation, double sum) {
        if (found == null && !Double.isFinite(sum)) { report(operation, null, "the sum is %s".formatted(sum)); }
    }

    private void report(String operation, Tensor weight, String values) {
        String parameter = weight == null ? "" : parameters.nameOf(weight);
        found = new Finding(microbatch, parameter, "micro-batch %d, %s, %s%s: %s".formatted(microbatch, place, operation,
                parameter.isEmpty() ? "" : " with " + parameter, values));
    }

    /// Null while everything was finite.
    public Finding found() {
        return found;
    }
}
