package main

import (
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	pb "portolan-tests/grpc-go/testv1"
)

// asTold is the failure that a request asks for: none for code 0.
func asTold(in *pb.FailRequest) error {
	if in.GetCode() == 0 {
		return nil
	}
	var details []*anypb.Any
	if len(in.Violations) > 0 {
		bad := &errdetails.BadRequest{}
		for _, v := range in.Violations {
			bad.FieldViolations = append(bad.FieldViolations,
				&errdetails.BadRequest_FieldViolation{Field: v.Field, Description: v.Description})
		}
		details = append(details, packed(bad))
	}
	if in.UnknownDetail {
		details = append(details,
			&anypb.Any{TypeUrl: "type.googleapis.com/portolan.test.v1.Nowhere", Value: []byte{8, 1}})
	}
	return failure(in.Code, in.Message, details...)
}

// failure is a status with its details.
func failure(code int32, message string, details ...*anypb.Any) error {
	return status.ErrorProto(&spb.Status{Code: code, Message: message, Details: details})
}

// packed is a message as an Any.
func packed(message proto.Message) *anypb.Any {
	any, err := anypb.New(message)
	if err != nil {
		panic(err) // only a message that cannot be marshalled
	}
	return any
}

// toMetadata turns entries into metadata.
func toMetadata(entries []*pb.MetadataEntry) metadata.MD {
	md := metadata.MD{}
	for _, entry := range entries {
		value := entry.Text
		if strings.HasSuffix(entry.Key, "-bin") {
			value = string(entry.Binary)
		}
		md.Append(entry.Key, value)
	}
	return md
}

// toEntry turns one value of metadata into an entry.
func toEntry(key, value string) *pb.MetadataEntry {
	if strings.HasSuffix(key, "-bin") {
		return &pb.MetadataEntry{Key: key, Binary: []byte(value)}
	}
	return &pb.MetadataEntry{Key: key, Text: value}
}
