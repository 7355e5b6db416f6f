package dev.kintsugi.worker.data.jinja;

import java.util.List;

/// `loop`, within a loop.
final class Loop {
    private final List<Object> items;
    private int at;

    Loop(List<Object> items) {
        this.items = items;
    }

    void moveTo(int index) {
        at = index;
    }

    Object attribute(String name) {
        int size = items.size();
        return switch (name) {
            case "index" -> at + 1L;
            case "index0" -> (long) at;
            case "revindex" -> (long) size - at;
            case "revindex0" -> size - at - 1L;
            case "first" -> at == 0;
            case "last" -> at == size - 1;
            case "length" -> (long) size;
            case "depth" -> 1L;       // Only loops that call themselves are deeper, and those are not supported.
            case "depth0" -> 0L;
            case "previtem" -> at > 0 ? items.get(at - 1) : new Undefined("loop.previtem");
            case "nextitem" -> at + 1 < size ? items.get(at + 1) : new Undefined("loop.nextitem");
            case "cycle" -> (Callable) a -> a.positional().get(at % a.positional().size());
            default -> new Undefined("loop." + name);
        };
    }
}
