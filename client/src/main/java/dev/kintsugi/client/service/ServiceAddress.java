package dev.kintsugi.client.service;

import dev.kintsugi.client.spec.UsageException;

/// Where a coordinator listens.
public record ServiceAddress(String host, int port) {
    public static final String ENVIRONMENT = "KINTSUGI_COORDINATOR";
    public static final String DEFAULT = "127.0.0.1:7780";

    /// @param text `HOST:PORT`, or null for $KINTSUGI_COORDINATOR, or else the default
    /// @throws UsageException when it is not an address
    public static ServiceAddress parse(String text) {
        String environment = System.getenv(ENVIRONMENT);
        if (text != null) { return parse(text, "--coordinator"); }
        return environment == null || environment.isBlank() ? parse(DEFAULT, "--coordinator") : parse(environment, ENVIRONMENT);
    }

    private static ServiceAddress parse(String text, String where) {
        int colon = text.lastIndexOf(':');
        try {
            int port = Integer.parseInt(text.substring(colon + 1));
            if (colon > 0 && port > 0 && port < 65536) { return new ServiceAddress(text.substring(0, colon), port); }
        } catch (NumberFormatException _) {
            // Said below, as for a missing host.
        }
        throw new UsageException("%s=%s is not an address; write HOST:PORT, such as %s.".formatted(where, text, DEFAULT));
    }

    @Override
    public String toString() {
        return host + ":" + port;
    }
}
