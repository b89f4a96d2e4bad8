package main

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/emptypb"

	pb "portolan-tests/grpc-go/testv1"
)

// Copied here from ../proto when the server is built.
//
//go:embed books.json
var booksJSON []byte

// library is portolan.test.v1.LibraryService.
type library struct {
	pb.UnimplementedLibraryServiceServer
	books []*pb.Book
}

func newLibrary() *library {
	all := &pb.ListBooksReply{}
	if err := protojson.Unmarshal(booksJSON, all); err != nil {
		panic(err) // the file is part of the program
	}
	return &library{books: all.Books}
}

// find is a copy of a stored book, or NOT_FOUND.
func (l *library) find(name string) (*pb.Book, error) {
	for _, book := range l.books {
		if book.Name == name {
			return proto.Clone(book).(*pb.Book), nil
		}
	}
	return nil, failure(int32(codes.NotFound), "no book "+name, packed(&errdetails.ErrorInfo{
		Reason: "NO_SUCH_BOOK", Domain: "library.portolan.test", Metadata: map[string]string{"name": name},
	}))
}

func (l *library) GetBook(_ context.Context, in *pb.GetBookRequest) (*pb.Book, error) {
	return l.find(in.Name)
}

func (l *library) ListBooks(_ context.Context, in *pb.ListBooksRequest) (*pb.ListBooksReply, error) {
	out := &pb.ListBooksReply{}
	for _, book := range l.books {
		shelf := strings.Split(book.Name, "/")[1]
		if !slices.Contains([]string{"", "-", shelf}, in.Shelf) || book.Name <= in.PageToken ||
			len(in.Colours) > 0 && !slices.Contains(in.Colours, book.Colour) ||
			!strings.Contains(book.Title, in.GetFilter().GetTitle()) ||
			book.GetPages() < in.GetFilter().GetMinPages() {
			continue
		}
		if in.PageSize > 0 && len(out.Books) == int(in.PageSize) {
			out.NextPageToken = out.Books[len(out.Books)-1].Name
			break
		}
		out.Books = append(out.Books, book)
	}
	return out, nil
}

func (l *library) CreateBook(_ context.Context, in *pb.CreateBookRequest) (*pb.Book, error) {
	book := in.Book
	if book == nil {
		book = &pb.Book{}
	}
	if book.Name == "" {
		book.Name = fmt.Sprintf("shelves/%s/books/new", in.Shelf)
	}
	return book, nil
}

func (l *library) UpdateBook(_ context.Context, in *pb.UpdateBookRequest) (*pb.Book, error) {
	book, err := l.find(in.GetBook().GetName())
	if err != nil || in.UpdateMask == nil {
		return in.GetBook(), err
	}
	from, to := in.Book.ProtoReflect(), book.ProtoReflect()
	for _, path := range in.UpdateMask.Paths {
		copyPath(from, to, strings.Split(path, "."))
	}
	return book, nil
}

// copyPath replaces one field, by its path, with the other message's; a path to nowhere is left alone.
func copyPath(from, to protoreflect.Message, path []string) {
	field := from.Descriptor().Fields().ByName(protoreflect.Name(path[0]))
	switch {
	case field == nil:
	case len(path) > 1 && field.Message() != nil && !field.IsList() && !field.IsMap():
		copyPath(from.Get(field).Message(), to.Mutable(field).Message(), path[1:])
	case from.Has(field):
		to.Set(field, from.Get(field))
	default:
		to.Clear(field)
	}
}

func (l *library) DeleteBook(_ context.Context, in *pb.DeleteBookRequest) (*emptypb.Empty, error) {
	_, err := l.find(in.Name)
	return &emptypb.Empty{}, err
}

func (l *library) LendBook(_ context.Context, in *pb.LendBookRequest) (*pb.LendBookReply, error) {
	book, err := l.find(in.Name)
	return &pb.LendBookReply{Title: book.GetTitle(), Reader: in.Reader}, err
}

func (l *library) GetCover(_ context.Context, in *pb.GetBookRequest) (*httpbody.HttpBody, error) {
	_, err := l.find(in.Name)
	return &httpbody.HttpBody{ContentType: "image/png", Data: []byte("\x89PNG\r\n\x1a\n")}, err
}
