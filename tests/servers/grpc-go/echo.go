package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	pb "portolan-tests/grpc-go/testv1"
)

// echo is portolan.test.v1.EchoService.
type echo struct {
	pb.UnimplementedEchoServiceServer
	waiting, givenUp atomic.Int32
}

func (*echo) Echo(_ context.Context, in *pb.Everything) (*pb.Everything, error) {
	return in, nil
}

func (*echo) EchoUnsafe(_ context.Context, in *pb.Everything) (*pb.Everything, error) {
	return in, nil
}

func (*echo) Metadata(ctx context.Context, in *pb.MetadataRequest) (*pb.MetadataReply, error) {
	if err := grpc.SendHeader(ctx, toMetadata(in.Initial)); err != nil {
		return nil, err
	}
	if err := grpc.SetTrailer(ctx, toMetadata(in.Trailing)); err != nil {
		return nil, err
	}
	received, _ := metadata.FromIncomingContext(ctx)
	out := &pb.MetadataReply{}
	if agent := received.Get("user-agent"); len(agent) > 0 {
		out.UserAgent = agent[0]
	}
	for key, values := range received {
		if strings.HasPrefix(key, "grpc-") || strings.HasPrefix(key, ":") ||
			slices.Contains([]string{"content-type", "te", "user-agent"}, key) {
			continue
		}
		for _, value := range values {
			out.Received = append(out.Received, toEntry(key, value))
		}
	}
	sort.SliceStable(out.Received, func(i, j int) bool { return out.Received[i].Key < out.Received[j].Key })
	if deadline, ok := ctx.Deadline(); ok {
		out.TimeLeft = durationpb.New(time.Until(deadline))
	}
	return out, nil
}

func (*echo) Fail(_ context.Context, in *pb.FailRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, asTold(in)
}

func (e *echo) Wait(ctx context.Context, in *pb.WaitRequest) (*emptypb.Empty, error) {
	e.waiting.Add(1)
	defer e.waiting.Add(-1)
	var enough <-chan time.Time
	if !in.GetNever() {
		enough = time.After(in.GetTime().AsDuration())
	}
	select {
	case <-enough:
		return &emptypb.Empty{}, nil
	case <-ctx.Done():
		e.givenUp.Add(1)
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

func (e *echo) WaitStats(context.Context, *emptypb.Empty) (*pb.WaitStatsReply, error) {
	return &pb.WaitStatsReply{Waiting: e.waiting.Load(), GivenUp: e.givenUp.Load()}, nil
}

func (*echo) Count(in *pb.CountRequest, out grpc.ServerStreamingServer[pb.Number]) error {
	for value := int64(1); value <= int64(in.To); value++ {
		if value > 1 {
			time.Sleep(in.Gap.AsDuration())
		}
		if err := out.Send(&pb.Number{Value: value}); err != nil {
			return err
		}
	}
	return asTold(in.Fail)
}

func (*echo) Sum(in grpc.ClientStreamingServer[pb.Number, pb.SumReply]) error {
	reply := &pb.SumReply{}
	for {
		number, err := in.Recv()
		if errors.Is(err, io.EOF) {
			return in.SendAndClose(reply)
		} else if err != nil {
			return err
		}
		reply.Count++
		reply.Sum += number.Value
	}
}

func (*echo) Negate(stream grpc.BidiStreamingServer[pb.Number, pb.Number]) error {
	for {
		number, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if number.Value == 0 {
			return status.Error(codes.Aborted, "zero has no sign")
		}
		if err := stream.Send(&pb.Number{Value: -number.Value}); err != nil {
			return err
		}
	}
}

func (*echo) Raw(_ context.Context, in *httpbody.HttpBody) (*httpbody.HttpBody, error) {
	return in, nil
}

func (*echo) Large(_ context.Context, in *pb.LargeRequest) (*pb.LargeReply, error) {
	data := make([]byte, in.Size)
	for i := range data {
		data[i] = byte(i)
	}
	return &pb.LargeReply{Data: data}, nil
}

func (*echo) Old(_ context.Context, in *emptypb.Empty) (*emptypb.Empty, error) {
	return in, nil
}
