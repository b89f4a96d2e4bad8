// The gRPC test services in Go, with reflection v1 and v1alpha. What each method does stands in the .proto
// files; the package testv1 is made of them by tests/install/grpc-go.sh.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"

	pb "portolan-tests/grpc-go/testv1"
)

func main() {
	port := flag.Int("port", 0, "the port on 127.0.0.1")
	flag.Parse()

	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	pb.RegisterEchoServiceServer(server, &echo{})
	pb.RegisterLibraryServiceServer(server, newLibrary())
	reflection.Register(server)
	log.Fatal(server.Serve(listener))
}
