package dev.kintsugi.worker.kernel.reference;

import static dev.kintsugi.worker.kernel.reference.Doubles.load;
import static dev.kintsugi.worker.kernel.reference.Doubles.require;
import static dev.kintsugi.worker.kernel.reference.Doubles.store;

import dev.kintsugi.worker.memory.Tensor;

/// The matrix products of [ReferenceKernels].
final class ReferenceLinear {
    private ReferenceLinear() {}

    static void add(Tensor yTensor, Tensor xTensor, Tensor wTensor) {
        int N = ReferenceKernels.rows("x", xTensor);
        int K = (int) xTensor.dim(1);
        int O = ReferenceKernels.rows("w", wTensor);
        double[] x = load("x", xTensor, N, K);
        double[] w = load("w", wTensor, O, K);
        double[] y = load("y", yTensor, N, O);
        for (int n = 0; n < N; n++) {
            for (int o = 0; o < O; o++) {
                for (int k = 0; k < K; k++) { y[n * O + o] += x[n * K + k] * w[o * K + k]; }
            }
        }
        store(yTensor, y);
    }

    static void forward(Tensor y, Tensor xTensor, Tensor wTensor, Tensor biasTensor) {
        int N = ReferenceKernels.rows("x", xTensor);
        int K = (int) xTensor.dim(1);
        int O = ReferenceKernels.rows("w", wTensor);
        double[] x = load("x", xTensor, N, K);
        double[] w = load("w", wTensor, O, K);
        double[] bias = biasTensor == null ? new double[O] : load("bias", biasTensor, O);
        require("y", y, N, O);
        var out = new double[N * O];
        for (int n = 0; n < N; n++) {
            for (int o = 0; o < O; o++) {
                double sum = 0;
                for (int k = 0; k < K; k++) {
                    sum += x[n * K + k] * w[o * K + k];
                }
                out[n * O + o] = sum + bias[o];
            }
        }
        store(y, out);
    }

    static void backwardInput(Tensor dxTensor, Tensor dyTensor, Tensor wTensor, boolean accumulate) {
        int N = ReferenceKernels.rows("dy", dyTensor);
        int O = ReferenceKernels.rows("w", wTensor);
        int K = (int) wTensor.dim(1);
        double[] dy = load("dy", dyTensor, N, O);
        double[] w = load("w", wTensor, O, K);
        double[] before = load("dx", dxTensor, N, K);
        double[] dx = accumulate ? before : new double[N * K];
        for (int n = 0; n < N; n++) {
            for (int k = 0; k < K; k++) {
                double sum = 0;
                for (int o = 0; o < O; o++) {
                    sum += dy[n * O + o] * w[o * K + k];
                }
                dx[n * K + k] += sum;
            }
        }
        store(dxTensor, dx);
    }

    static void backwardWeight(Tensor dwTensor, Tensor dbiasTensor, Tensor dyTensor, Tensor xTensor, boolean accumulate) {
        int N = ReferenceKernels.rows("dy", dyTensor);
        int O = (int) dyTensor.dim(1);
        int K = (int) xTensor.dim(1);
        double[] dy = load("dy", dyTensor, N, O);
        double[] x = load("x", xTensor, N, K);
        double[] before = load("dw", dwTensor, O, K);
        double[] dw = accumulate ? before : new double[O * K];
        for (int o = 0; o < O; o++) {
            for (int k = 0; k < K; k++) {
                double sum = 0;
                for (int n = 0; n < N; n++) {
                    sum += dy[n * O + o] * x[n * K + k];
                }
                dw[o * K + k] += sum;
            }
        }
        store(dwTensor, dw);
        if (dbiasTensor != null) { addColumnSums(dbiasTensor, dy, N, O); }
    }

    private static void addColumnSums(Tensor dbiasTensor, double[] dy, int N, int O) {
        double[] dbias = load("dbias", dbiasTensor, O);
        for (int o = 0; o < O; o++) {
            double sum = 0;
            for (int n = 0; n < N; n++) {
                sum += dy[n * O + o];
            }
            dbias[o] += sum;
        }
        store(dbiasTensor, dbias);
    }
}
