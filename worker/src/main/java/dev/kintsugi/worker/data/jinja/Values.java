package dev.kintsugi.worker.data.jinja;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/// Python's idea of values. They are null (`None`), Boolean, Long, Double, String, List, [Tuple], Map, [Namespace], [Undefined], [Callable] and [Loop].
final class Values {
    private Values() {
    }

    static boolean isTrue(Object value) {
        return switch (value) {
            case null -> false;
            case Boolean b -> b;
            case Long n -> n != 0;
            case Double n -> n != 0;
            case String s -> !s.isEmpty();
            case List<?> l -> !l.isEmpty();
            case Map<?, ?> m -> !m.isEmpty();
            case Undefined _ -> false;
            default -> true;
        };
    }

    /// Python's `str`.
    static String text(Object value) {
        return value instanceof String s ? s : value instanceof Undefined ? "" : repr(value);
    }

    /// Python's `repr`.
    static String repr(Object value) {
        return switch (value) {
            case null -> "None";
            case Boolean b -> b ? "True" : "False";
            case Double d -> floating(d);
            case String s -> Text.quoted(s);
            case Tuple t -> "(" + String.join(", ", t.stream().map(Values::repr).toList()) + (t.size() == 1 ? ",)" : ")");
            case List<?> l -> "[" + String.join(", ", l.stream().map(Values::repr).toList()) + "]";
            case Map<?, ?> m -> "{" + String.join(", ", m.entrySet().stream().map(e -> repr(e.getKey()) + ": " + repr(e.getValue())).toList()) + "}";
            case Undefined _ -> "Undefined";
            case Callable _, Namespace _, Loop _ -> throw new TemplateException("a %s cannot be printed".formatted(type(value)));
            default -> value.toString();
        };
    }

    /// The fewest digits that say which number it is; an exponent beyond 16 digits.
    static String floating(double d) {
        if (Double.isNaN(d)) { return "nan"; }
        if (Double.isInfinite(d)) { return d > 0 ? "inf" : "-inf"; }
        if (d == 0) { return 1 / d < 0 ? "-0.0" : "0.0"; }
        var decimal = new BigDecimal(Double.toString(d)).stripTrailingZeros();
        int exponent = decimal.precision() - decimal.scale() - 1;
        if (exponent >= -4 && exponent < 16) {
            String plain = decimal.toPlainString();
            return plain.contains(".") ? plain : plain + ".0";
        }
        String digits = decimal.unscaledValue().abs().toString();
        String mantissa = digits.length() == 1 ? digits : digits.charAt(0) + "." + digits.substring(1);
        return "%s%se%s%02d".formatted(d < 0 ? "-" : "", mantissa, exponent < 0 ? "-" : "+", Math.abs(exponent));
    }

    /// For messages.
    static String type(Object value) {
        return switch (value) {
            case null -> "None";
            case Boolean _ -> "truth value";
            case Long _, Double _ -> "number";
            case String _ -> "string";
            case List<?> _ -> "list";
            case Map<?, ?> _ -> "mapping";
            case Namespace _ -> "namespace";
            case Undefined _ -> "undefined value";
            case Loop _ -> "loop";
            default -> "function";
        };
    }

    static boolean isNumber(Object value) {
        return value instanceof Long || value instanceof Double || value instanceof Boolean;
    }

    static double number(Object value) {
        return switch (value) {
            case Long n -> n;
            case Double n -> n;
            case Boolean b -> b ? 1 : 0;
            case Undefined u -> throw u.failure();
            case null, default -> throw new TemplateException("a %s where a number should be".formatted(type(value)));
        };
    }

    static long integer(Object value) {
        return switch (value) {
            case Long n -> n;
            case Boolean b -> b ? 1 : 0;
            case Undefined u -> throw u.failure();
            case null, default -> throw new TemplateException("a %s where a whole number should be".formatted(type(value)));
        };
    }

    static boolean equal(Object a, Object b) {
        if (isNumber(a) && isNumber(b)) { return number(a) == number(b); }
        if (a instanceof List<?> x && b instanceof List<?> y) {
            if (x.size() != y.size() || x instanceof Tuple != y instanceof Tuple) { return false; }
            for (int i = 0; i < x.size(); i++) {
                if (!equal(x.get(i), y.get(i))) { return false; }
            }
            return true;
        }
        if (a instanceof Map<?, ?> x && b instanceof Map<?, ?> y) {
            return x.keySet().equals(y.keySet()) && x.entrySet().stream().allMatch(e -> equal(e.getValue(), y.get(e.getKey())));
        }
        if (a instanceof Undefined && b instanceof Undefined) { return true; }
        return a == null ? b == null : a.equals(b);
    }

    static int compare(Object a, Object b) {
        if (isNumber(a) && isNumber(b)) { return Double.compare(number(a), number(b)); }
        if (a instanceof String x && b instanceof String y) { return compareText(x, y); }
        if (a instanceof Undefined u) { throw u.failure(); }
        if (b instanceof Undefined u) { throw u.failure(); }
        throw new TemplateException("a %s and a %s have no order".formatted(type(a), type(b)));
    }

    private static int compareText(String a, String b) {
        int[] x = a.codePoints().toArray();
        int[] y = b.codePoints().toArray();
        return java.util.Arrays.compare(x, y);
    }

    static boolean contains(Object container, Object item) {
        return switch (container) {
            case String s when item instanceof String part -> s.contains(part);
            case String _ -> throw new TemplateException("a %s cannot be in a string".formatted(type(item)));
            case Map<?, ?> m -> item != null && m.containsKey(item);
            case List<?> l -> l.stream().anyMatch(x -> equal(x, item));
            case Undefined _ -> false;
            case null, default -> throw new TemplateException("a %s has nothing in it".formatted(type(container)));
        };
    }

    /// What a loop goes over: a string's characters, a mapping's keys.
    static List<Object> items(Object value) {
        return switch (value) {
            case List<?> l -> Collections.unmodifiableList(l);
            case Map<?, ?> m -> new ArrayList<>(m.keySet());
            case String s -> s.codePoints().<Object>mapToObj(Character::toString).toList();
            case Undefined _ -> List.of();
            case null, default -> throw new TemplateException("a %s has no items".formatted(type(value)));
        };
    }

    static long length(Object value) {
        return switch (value) {
            case String s -> Text.length(s);
            case List<?> l -> l.size();
            case Map<?, ?> m -> m.size();
            case Undefined _ -> 0;
            case null, default -> throw new TemplateException("a %s has no length".formatted(type(value)));
        };
    }

    /// `of[index]`.
    static Object item(Object of, Object index) {
        return switch (of) {
            case Map<?, ?> m -> m.containsKey(index) ? m.get(index) : new Undefined(text(index));
            case List<?> l when index instanceof Long i -> at(l, i);
            case String s when index instanceof Long i -> at(items(s), i);
            case Loop l when index instanceof String name -> l.attribute(name);
            case Namespace n when index instanceof String name -> n.fields().containsKey(name) ? n.fields().get(name) : new Undefined(name);
            case Undefined u -> throw u.failure();
            case null, default -> new Undefined(text(index));
        };
    }

    private static Object at(List<?> list, long index) {
        long i = index < 0 ? index + list.size() : index;
        return i < 0 || i >= list.size() ? new Undefined("item " + index) : list.get((int) i);
    }

    /// `of[from:to:step]`; parts that are null are open.
    static Object slice(Object of, Object from, Object to, Object step) {
        if (of instanceof Undefined u) { throw u.failure(); }
        if (!(of instanceof String) && !(of instanceof List<?>)) { throw new TemplateException("a %s cannot be cut".formatted(type(of))); }
        List<Object> items = items(of);
        long by = step == null ? 1 : integer(step);
        if (by == 0) { throw new TemplateException("a slice cannot go in steps of 0"); }
        int size = items.size();
        long start = from == null ? by > 0 ? 0 : size - 1 : bound(integer(from), size, by);
        long end = to == null ? by > 0 ? size : -1 : bound(integer(to), size, by);
        List<Object> taken = new ArrayList<>();
        for (long i = start; by > 0 ? i < end : i > end; i += by) { taken.add(items.get((int) i)); }
        if (of instanceof String) { return String.join("", taken.stream().map(String.class::cast).toList()); }
        return of instanceof Tuple ? new Tuple(taken) : taken;
    }

    private static long bound(long given, int size, long by) {
        long i = given < 0 ? given + size : given;
        return by > 0 ? Math.clamp(i, 0, size) : Math.clamp(i, -1, size - 1);
    }
}
