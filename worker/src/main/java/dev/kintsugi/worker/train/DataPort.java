package dev.kintsugi.worker.train;

import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;

/// A UDP port that nobody uses at the moment, for a rank to receive on.
final class DataPort {
    private DataPort() {}

    static int free(String address) throws IOException {
        try (var socket = new DatagramSocket(0, InetAddress.getByName(address))) {
            return socket.getLocalPort();
        }
    }
}
