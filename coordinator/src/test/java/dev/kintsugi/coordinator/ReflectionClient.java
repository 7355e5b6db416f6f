package dev.kintsugi.coordinator;

import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.Descriptors.ServiceDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.util.JsonFormat;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/// Calls a service knowing nothing but its name, as `grpcurl -d JSON` does: descriptors come from the server's reflection.
final class ReflectionClient {
    private final ManagedChannel channel;

    ReflectionClient(ManagedChannel channel) {
        this.channel = channel;
    }

    /// A unary call with a request in JSON.
    DynamicMessage call(String serviceName, String methodName, String json) throws Exception {
        ServiceDescriptor service = service(serviceName);
        MethodDescriptor method = service.findMethodByName(methodName);
        DynamicMessage.Builder request = DynamicMessage.newBuilder(method.getInputType());
        JsonFormat.parser().merge(json, request);
        return ClientCalls.blockingUnaryCall(channel, grpcMethod(serviceName, method), CallOptions.DEFAULT, request.build());
    }

    private static io.grpc.MethodDescriptor<DynamicMessage, DynamicMessage> grpcMethod(String service, MethodDescriptor method) {
        return io.grpc.MethodDescriptor.<DynamicMessage, DynamicMessage>newBuilder()
                .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
                .setFullMethodName(io.grpc.MethodDescriptor.generateFullMethodName(service, method.getName()))
                .setRequestMarshaller(marshaller(method.getInputType())).setResponseMarshaller(marshaller(method.getOutputType()))
                .build();
    }

    private static io.grpc.MethodDescriptor.Marshaller<DynamicMessage> marshaller(Descriptor type) {
        return ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(type));
    }

    private ServiceDescriptor service(String name) throws Exception {
        Map<String, FileDescriptorProto> files = new LinkedHashMap<>();
        for (ByteString bytes : ask(ServerReflectionRequest.newBuilder().setFileContainingSymbol(name).build())
                .getFileDescriptorResponse().getFileDescriptorProtoList()) {
            FileDescriptorProto file = FileDescriptorProto.parseFrom(bytes);
            files.put(file.getName(), file);
        }
        for (FileDescriptorProto file : files.values()) {
            ServiceDescriptor found = link(file, files).findServiceByName(name.substring(name.lastIndexOf('.') + 1));
            if (found != null) { return found; }
        }
        throw new AssertionError("no service %s in %s".formatted(name, files.keySet()));
    }

    private FileDescriptor link(FileDescriptorProto file, Map<String, FileDescriptorProto> files) throws Exception {
        var dependencies = new FileDescriptor[file.getDependencyCount()];
        for (int i = 0; i < dependencies.length; i++) {
            dependencies[i] = link(find(file.getDependency(i), files), files);
        }
        return FileDescriptor.buildFrom(file, dependencies);
    }

    private FileDescriptorProto find(String name, Map<String, FileDescriptorProto> files) throws Exception {
        if (files.containsKey(name)) { return files.get(name); }
        ServerReflectionResponse response = ask(ServerReflectionRequest.newBuilder().setFileByFilename(name).build());
        return FileDescriptorProto.parseFrom(response.getFileDescriptorResponse().getFileDescriptorProto(0));
    }

    private ServerReflectionResponse ask(ServerReflectionRequest request) throws Exception {
        var answer = new CompletableFuture<ServerReflectionResponse>();
        StreamObserver<ServerReflectionRequest> stream = ServerReflectionGrpc.newStub(channel)
                .serverReflectionInfo(new StreamObserver<>() {
                    @Override
                    public void onNext(ServerReflectionResponse response) {
                        answer.complete(response);
                    }

                    @Override
                    public void onError(Throwable error) {
                        answer.completeExceptionally(error);
                    }

                    @Override
                    public void onCompleted() {}
                });
        stream.onNext(request);
        ServerReflectionResponse response = answer.get(10, TimeUnit.SECONDS);
        stream.onCompleted();
        return response;
    }
}
