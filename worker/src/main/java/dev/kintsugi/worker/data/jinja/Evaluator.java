package dev.kintsugi.worker.data.jinja;

import dev.kintsugi.worker.data.jinja.Expression.Attribute;
import dev.kintsugi.worker.data.jinja.Expression.Binary;
import dev.kintsugi.worker.data.jinja.Expression.Call;
import dev.kintsugi.worker.data.jinja.Expression.CallArguments;
import dev.kintsugi.worker.data.jinja.Expression.Check;
import dev.kintsugi.worker.data.jinja.Expression.Comparison;
import dev.kintsugi.worker.data.jinja.Expression.Conditional;
import dev.kintsugi.worker.data.jinja.Expression.Constant;
import dev.kintsugi.worker.data.jinja.Expression.DictOf;
import dev.kintsugi.worker.data.jinja.Expression.Filter;
import dev.kintsugi.worker.data.jinja.Expression.Item;
import dev.kintsugi.worker.data.jinja.Expression.ListOf;
import dev.kintsugi.worker.data.jinja.Expression.Name;
import dev.kintsugi.worker.data.jinja.Expression.Slice;
import dev.kintsugi.worker.data.jinja.Expression.Unary;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Finds the values of expressions, within a bound of steps.
final class Evaluator {
    private long stepsLeft;

    Evaluator(long stepsMax) {
        this.stepsLeft = stepsMax;
    }

    Object value(Expression expression, Scope scope) {
        if (stepsLeft-- <= 0) { throw new TemplateException(expression.line(), "the template takes too many steps"); }
        try {
            return find(expression, scope);
        } catch (TemplateException e) {
            throw e.at(expression.line());
        } catch (ClassCastException | UnsupportedOperationException e) {
            throw new TemplateException(expression.line(), "values that do not fit: " + e.getMessage());
        }
    }

    private Object find(Expression expression, Scope scope) {
        return switch (expression) {
            case Constant c -> c.value();
            case Name n -> scope.get(n.name());
            case ListOf l -> l.tuple() ? new Tuple(values(l.items(), scope)) : values(l.items(), scope);
            case DictOf d -> dict(d, scope);
            case Unary u -> unary(u, scope);
            case Binary b -> binary(b, scope);
            case Comparison c -> comparison(c, scope);
            case Conditional c -> conditional(c, scope);
            case Attribute a -> attribute(value(a.of(), scope), a.name());
            case Item i -> item(value(i.of(), scope), value(i.index(), scope));
            case Slice s -> Values.slice(value(s.of(), scope), orNull(s.from(), scope), orNull(s.to(), scope), orNull(s.step(), scope));
            case Call c -> call(value(c.callee(), scope), arguments(c.arguments(), scope));
            case Filter f -> Filters.apply(f.name(), value(f.of(), scope), arguments(f.arguments(), scope));
            case Check c -> Checks.holds(c.name(), value(c.of(), scope), arguments(c.arguments(), scope)) != c.negated();
        };
    }

    /// A block's body through the filters of its head.
    Object filtered(Filter filter, String body, Scope scope) {
        Object inner = filter.of() == null ? body : filtered((Filter) filter.of(), body, scope);
        return Filters.apply(filter.name(), inner, arguments(filter.arguments(), scope));
    }

    private Object orNull(Expression expression, Scope scope) {
        return expression == null ? null : value(expression, scope);
    }

    private List<Object> values(List<Expression> expressions, Scope scope) {
        List<Object> values = new ArrayList<>();
        for (Expression e : expressions) { values.add(value(e, scope)); }
        return values;
    }

    private Arguments arguments(CallArguments given, Scope scope) {
        Map<String, Object> named = new LinkedHashMap<>();
        for (int i = 0; i < given.names().size(); i++) { named.put(given.names().get(i), value(given.named().get(i), scope)); }
        return new Arguments(values(given.positional(), scope), named);
    }

    private Object dict(DictOf d, Scope scope) {
        Map<Object, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < d.keys().size(); i++) { map.put(value(d.keys().get(i), scope), value(d.values().get(i), scope)); }
        return map;
    }

    private Object unary(Unary u, Scope scope) {
        Object of = value(u.of(), scope);
        if (u.operator().equals("not")) { return !Values.isTrue(of); }
        return Arithmetic.binary(u.operator(), 0L, of);
    }

    private Object binary(Binary b, Scope scope) {
        Object left = value(b.left(), scope);
        return switch (b.operator()) {
            case "and" -> Values.isTrue(left) ? value(b.right(), scope) : left;
            case "or" -> Values.isTrue(left) ? left : value(b.right(), scope);
            default -> Arithmetic.binary(b.operator(), left, value(b.right(), scope));
        };
    }

    private Object comparison(Comparison c, Scope scope) {
        Object left = value(c.operands().getFirst(), scope);
        for (int i = 0; i < c.operators().size(); i++) {
            Object right = value(c.operands().get(i + 1), scope);
            if (!holds(c.operators().get(i), left, right)) { return false; }
            left = right;
        }
        return true;
    }

    private static boolean holds(String operator, Object a, Object b) {
        return switch (operator) {
            case "==" -> Values.equal(a, b);
            case "!=" -> !Values.equal(a, b);
            case "<" -> Values.compare(a, b) < 0;
            case "<=" -> Values.compare(a, b) <= 0;
            case ">" -> Values.compare(a, b) > 0;
            case ">=" -> Values.compare(a, b) >= 0;
            case "in" -> Values.contains(b, a);
            case "not in" -> !Values.contains(b, a);
            default -> throw new AssertionError(operator);
        };
    }

    private Object conditional(Conditional c, Scope scope) {
        if (Values.isTrue(value(c.condition(), scope))) { return value(c.then(), scope); }
        return c.otherwise() == null ? new Undefined("the value of an if without else") : value(c.otherwise(), scope);
    }

    /// `of.name`: a method first, then a field, as in Jinja2.
    private static Object attribute(Object of, String name) {
        if (of instanceof Undefined u) { throw u.failure(); }
        Callable method = Methods.of(of, name);
        return method != null ? method : Values.item(of, name);
    }

    /// `of[index]`: a field first, then a method.
    private static Object item(Object of, Object index) {
        Object found = Values.item(of, index);
        Callable method = found instanceof Undefined && index instanceof String name ? Methods.of(of, name) : null;
        return method != null ? method : found;
    }

    private static Object call(Object callee, Arguments arguments) {
        return switch (callee) {
            case Callable c -> c.call(arguments);
            case Undefined u -> throw u.failure();
            case null, default -> throw new TemplateException("a %s cannot be called".formatted(Values.type(callee)));
        };
    }
}
