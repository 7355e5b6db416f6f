/// Talking to a coordinator: an address, a channel, and gRPC's statuses turned into sentences. Open [JobClient] first.
package dev.kintsugi.client.service;
