package dev.kintsugi.client.picture;

import java.awt.BasicStroke;
import java.awt.Graphics2D;
import java.awt.geom.Path2D;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/// Letters as a few straight strokes each, on a grid 4 wide and 6 high: x to the right, y down, the baseline at 6. Only what the
/// pictures say is in it; capitals are drawn as small letters, and what is unknown as a gap.
final class StrokeFont {
    private static final double ADVANCE = 5.6;
    private static final double HEIGHT = 6;

    /// Strokes are apart by spaces; a stroke is its points, two digits (x, y) each.
    private static final Map<Character, String> GLYPHS = glyphs(
            "0 103041453616050110", "1 012026 0646", "2 01103041420646", "3 01103041423313 334445361605", "4 36300444",
            "5 400003334445361605", "6 30100105163645443303", "7 004016", "8 103041423313020110 1304051636454433",
            "9 16364541301001021343", "a 4246 4332120305163645", "b 0006 0312324345361605", "c 4332120305163645",
            "d 4046 4332120305163645", "e 044443321203051646", "f 40302126 0242", "g 4332120305163645 42473808",
            "h 0006 0312324346", "i 2226 2020", "j 32372818 3030", "k 0006 4204 2346", "l 10202536", "m 0206 03122326 23324346",
            "n 0206 0312324346", "o 123243453616050312", "p 0208 0312324345361605", "q 4248 4332120305163645", "r 0206 04223243",
            "s 43321203143445361605", "t 20253646 0242", "u 0205163645 4246", "v 022642", "w 0216233642", "x 0246 4206",
            "y 0226 4218",
            "z 02420646", ". 2526", ", 2517", "- 0444", ": 2223 2526", "/ 4006", "( 30111536", ") 10313516", "= 0343 0545",
            "+ 2226 0444", "_ 0646");

    private StrokeFont() {
    }

    /// @param size height of a capital, in pixels
    static double width(String text, double size) {
        return text.isEmpty() ? 0 : (text.length() * ADVANCE - (ADVANCE - 4)) * size / HEIGHT;
    }

    /// Draws in the current colour, from `x` on, with the baseline at `y`.
    static void draw(Graphics2D canvas, String text, double x, double y, double size) {
        double unit = size / HEIGHT;
        canvas.setStroke(new BasicStroke((float) Math.max(1.1, size / 8), BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
        double left = x;
        for (char letter : text.toLowerCase(Locale.ROOT).toCharArray()) {
            for (String stroke : GLYPHS.getOrDefault(letter, "").split(" ")) {
                if (!stroke.isEmpty()) { canvas.draw(path(stroke, left, y - size, unit)); }
            }
            left += ADVANCE * unit;
        }
    }

    private static Path2D path(String stroke, double left, double top, double unit) {
        Path2D path = new Path2D.Double();
        for (int i = 0; i < stroke.length(); i += 2) {
            double x = left + (stroke.charAt(i) - '0') * unit;
            double y = top + (stroke.charAt(i + 1) - '0') * unit;
            if (i == 0) {
                path.moveTo(x, y);
            } else {
                path.lineTo(x, y);
            }
        }
        return path;
    }

    private static Map<Character, String> glyphs(String... table) {
        Map<Character, String> glyphs = new HashMap<>();
        for (String entry : table) {
            glyphs.put(entry.charAt(0), entry.substring(2));
        }
        return glyphs;
    }
}
