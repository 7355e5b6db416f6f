package dev.kintsugi.worker.data.jinja;

import java.util.ArrayList;
import java.util.List;

/// Python's operators on two values.
final class Arithmetic {
    private static final int LENGTH_MAX = 1 << 24;

    private Arithmetic() {
    }

    static Object binary(String operator, Object a, Object b) {
        if (operator.equals("~")) { return Values.text(a) + Values.text(b); }
        if (operator.equals("+") && a instanceof String x && b instanceof String y) { return x + y; }
        if (operator.equals("+") && a instanceof List<?> x && b instanceof List<?> y && x instanceof Tuple == y instanceof Tuple) { return joined(x, y); }
        if (operator.equals("*") && (a instanceof String || a instanceof List<?>)) { return repeated(a, Values.integer(b)); }
        if (operator.equals("*") && (b instanceof String || b instanceof List<?>)) { return repeated(b, Values.integer(a)); }
        if (operator.equals("%") && a instanceof String format) { return Formatting.percent(format, b); }
        if (a instanceof Undefined u) { throw u.failure(); }
        if (b instanceof Undefined u) { throw u.failure(); }
        if (!Values.isNumber(a) || !Values.isNumber(b)) {
            throw new TemplateException("%s between a %s and a %s means nothing".formatted(operator, Values.type(a), Values.type(b)));
        }
        boolean whole = !(a instanceof Double) && !(b instanceof Double) && !operator.equals("/");
        return whole ? whole(operator, Values.integer(a), Values.integer(b)) : floating(operator, Values.number(a), Values.number(b));
    }

    private static Object joined(List<?> a, List<?> b) {
        List<Object> all = new ArrayList<>(a);
        all.addAll(b);
        return a instanceof Tuple ? new Tuple(all) : all;
    }

    private static Object repeated(Object of, long times) {
        long length = Values.length(of) * Math.max(0, times);
        if (length > LENGTH_MAX) { throw new TemplateException("a repetition of more than %d items".formatted(LENGTH_MAX)); }
        if (of instanceof String s) { return s.repeat((int) Math.max(0, times)); }
        List<Object> all = new ArrayList<>();
        for (long i = 0; i < times; i++) { all.addAll((List<?>) of); }
        return of instanceof Tuple ? new Tuple(all) : all;
    }

    private static Object whole(String operator, long a, long b) {
        try {
            return switch (operator) {
                case "+" -> Math.addExact(a, b);
                case "-" -> Math.subtractExact(a, b);
                case "*" -> Math.multiplyExact(a, b);
                case "//" -> Math.floorDiv(a, b);
                case "%" -> Math.floorMod(a, b);
                case "**" -> b < 0 ? Math.pow(a, b) : power(a, b);
                default -> throw new AssertionError(operator);
            };
        } catch (ArithmeticException e) {
            throw new TemplateException(b == 0 ? "division by zero" : "a whole number that is too large");
        }
    }

    private static Object power(long a, long b) {
        long result = 1;
        for (long i = 0; i < b; i++) {
            result = Math.multiplyExact(result, a);
            if (result == 0 || result == 1 && a == 1) { break; }
        }
        return result;
    }

    private static Object floating(String operator, double a, double b) {
        if (b == 0 && (operator.startsWith("/") || operator.equals("%"))) { throw new TemplateException("division by zero"); }
        return switch (operator) {
            case "+" -> a + b;
            case "-" -> a - b;
            case "*" -> a * b;
            case "/" -> a / b;
            case "//" -> Math.floor(a / b);
            case "%" -> a - b * Math.floor(a / b);
            case "**" -> Math.pow(a, b);
            default -> throw new AssertionError(operator);
        };
    }
}
