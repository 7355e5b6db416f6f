package dev.kintsugi.worker.data.jinja;

import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;

/// The functions that every template may call: Jinja2's, and Transformers' `raise_exception` and `strftime_now`.
final class Globals {
    private static final int RANGE_MAX = 100_000;

    private Globals() {
    }

    static Map<String, Object> with(Supplier<LocalDateTime> now) {
        Map<String, Callable> functions = Map.of(
                "range", Globals::range,
                "dict", a -> new LinkedHashMap<>(a.named()),
                "namespace", Globals::namespace,
                "raise_exception", a -> { throw new TemplateException("the template refuses: " + Values.text(a.required(0, "message"))); },
                "strftime_now", a -> strftime(a.text(0, "format"), now.get()));
        return new LinkedHashMap<>(functions);
    }

    private static Namespace namespace(Arguments a) {
        Map<String, Object> fields = new LinkedHashMap<>();
        for (Object given : a.positional()) {
            if (given instanceof Map<?, ?> map) { map.forEach((k, v) -> fields.put(Values.text(k), v)); }
        }
        fields.putAll(a.named());
        return new Namespace(fields);
    }

    private static List<Object> range(Arguments a) {
        boolean one = a.positional().size() == 1;
        long from = one ? 0 : a.number(0, "start", 0);
        long to = a.number(one ? 0 : 1, "stop", 0);
        long step = a.number(2, "step", 1);
        if (step == 0) { throw new TemplateException("a range cannot go in steps of 0"); }
        List<Object> numbers = new ArrayList<>();
        for (long i = from; step > 0 ? i < to : i > to; i += step) {
            if (numbers.size() == RANGE_MAX) { throw new TemplateException("a range of more than %d numbers".formatted(RANGE_MAX)); }
            numbers.add(i);
        }
        return numbers;
    }

    private static String strftime(String format, LocalDateTime now) {
        var out = new StringBuilder();
        for (int i = 0; i < format.length(); i++) {
            char c = format.charAt(i);
            if (c == '%' && i + 1 < format.length()) {
                out.append(part(format.charAt(++i), now));
            } else {
                out.append(c);
            }
        }
        return out.toString();
    }

    private static String part(char directive, LocalDateTime now) {
        if (directive == '%') { return "%"; }
        String pattern = switch (directive) {
            case 'Y' -> "yyyy";
            case 'y' -> "yy";
            case 'm' -> "MM";
            case 'd' -> "dd";
            case 'B' -> "MMMM";
            case 'b' -> "MMM";
            case 'A' -> "EEEE";
            case 'a' -> "EEE";
            case 'H' -> "HH";
            case 'I' -> "hh";
            case 'M' -> "mm";
            case 'S' -> "ss";
            case 'p' -> "a";
            case 'j' -> "DDD";
            default -> throw new TemplateException("strftime_now does not know %%%s".formatted(directive));
        };
        return now.format(DateTimeFormatter.ofPattern(pattern, Locale.US));
    }
}
